/** @file Images that are trained on and judged by: the same content in train and in another split. */
import type { Dataset, Sample } from "../contract.js";

/** Pairs named at most for each pair of splits. */
const NAMED = 3;

/** A warning line for each split that shares images with train, naming some; every image is read once. */
export async function leaks(dataset: Dataset): Promise<string[]> {
  if (!dataset.splits.includes("train")) return [];
  const train = new Map<string, Sample>();
  for (const sample of dataset.samples("train")) train.set(await sample.contentHash(), sample);
  const out: string[] = [];
  for (const split of dataset.splits.filter((name) => name !== "train")) {
    const samples = dataset.samples(split);
    const shared: string[] = [];
    for (const sample of samples) {
      const twin = train.get(await sample.contentHash());
      if (twin) shared.push(`${twin.id} = ${sample.id}`);
    }
    if (shared.length === 0) continue;
    const some = shared.slice(0, NAMED).join(", ") + (shared.length > NAMED ? ", ..." : "");
    out.push(`${dataset.name}: ${shared.length} of ${samples.length} images of ${split} are in train too (${some})`);
  }
  return out;
}
