/** @file `--class-weights`: given numbers, or inverse frequency measured on the training labels. */
import { type ClassInfo, IGNORE, type Sample } from "../contract.js";
import { SegError } from "../errors.js";

/** One weight a class; undefined when none are asked for. `auto`: total / (present classes * pixels of the class), absent classes 1. */
export async function classWeights(
  wanted: string | undefined,
  classes: readonly ClassInfo[],
  samples: readonly Sample[],
): Promise<number[] | undefined> {
  if (wanted === undefined) return undefined;
  if (wanted === "auto") return inverseFrequency(classes.length, samples);
  const weights = wanted.split(",").map(Number);
  if (weights.length === classes.length && weights.every((weight) => weight >= 0 && Number.isFinite(weight)))
    return weights;
  const names = classes.map(({ name }) => name).join(", ");
  throw new SegError(
    `--class-weights ${wanted}`,
    `is not one number a class (${names})`,
    "give auto, or numbers with commas",
  );
}

async function inverseFrequency(classes: number, samples: readonly Sample[]): Promise<number[]> {
  const counts = new Float64Array(classes);
  for (const sample of samples) {
    for (const label of (await sample.labels()).data) if (label !== IGNORE) counts[label]++;
  }
  const present = counts.filter((count) => count > 0);
  const total = present.reduce((sum, count) => sum + count, 0);
  return Array.from(counts, (count) => (count > 0 ? total / (present.length * count) : 1));
}
