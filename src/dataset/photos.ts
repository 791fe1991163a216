/**
 * @file Datasets of photos with a mask file each: what `folder`, `csv` and `camvid` have in common.
 * Images are uint8 RGB [H, W, 3]; a mask must have its image's size, and its grid where both state one.
 */
import { basename, resolve } from "node:path";
import type { Dataset, Sample } from "../contract.js";
import { SegError } from "../errors.js";
import { readMasks } from "./masks.js";
import { describeImage, PhotoSample } from "./photo-sample.js";
import { type LabelOptions, type LabelScheme, makeScheme } from "./scheme.js";
import { holdOut, orderSplits } from "./splits.js";

/** An image and its mask; without a split it goes to train or val by the hash of its id. */
export interface Pair {
  /** Without the split: `0001TP_006690`. */
  readonly id: string;
  readonly image: string;
  readonly mask: string;
  readonly split?: string;
}

/** Options of how samples are split where nothing states it. */
export interface SplitOptions {
  /** Share of the training samples held out as val where there is no val split; 0 for none. */
  readonly valFraction: number;
  readonly splitSeed: number;
}

/** What a dataset of pairs is made of. */
export interface PhotoSet {
  readonly name: string;
  readonly root: string;
  readonly pairs: readonly Pair[];
  readonly labels: LabelOptions;
  readonly split: SplitOptions;
  readonly warnings: string[];
}

/** A dataset of pairs, its label scheme settled by options, class files or the masks themselves. */
export async function photoDataset(set: PhotoSet): Promise<Dataset> {
  const { root, warnings } = set;
  const pairs = assignSplits(set);
  if (pairs.length === 0) throw new SegError(root, "has no image with a mask", "check the options of the dataset");
  const info = await describeImage(pairs[0].image);
  if (info.bands > 4 || (info.tiff && info.bands === 4)) {
    throw new SegError(pairs[0].image, `has ${info.bands} bands`, "read such scenes with --dataset geotiff");
  }
  const masks = () => readMasks(pairs.map(({ mask }) => mask));
  const scheme = await makeScheme({ root, options: set.labels, masks, warnings });
  return pairDataset(set.name, pairs, scheme, warnings);
}

/** A dataset of pairs that all name their split, with a scheme that is known. */
export function pairDataset(name: string, pairs: readonly Pair[], scheme: LabelScheme, warnings: string[]): Dataset {
  const splits = orderSplits(pairs.map(({ split }) => split ?? "train"));
  const samples = new Map(splits.map((split) => [split, [] as Sample[]]));
  const warn = warnOnce(warnings);
  for (const { id, image, mask, split = "train" } of pairs)
    samples.get(split)?.push(new PhotoSample({ id: `${split}/${id}`, image, mask, scheme }, warn));
  checkUnique(samples);
  return {
    name,
    classes: scheme.classes,
    bands: ["red", "green", "blue"],
    photo: true,
    splits,
    samples: (split) => samples.get(split) ?? unknownSplit(name, split, splits),
    warnings,
  };
}

/** Throws the error for a split a dataset lacks. */
export function unknownSplit(name: string, split: string, splits: readonly string[]): never {
  throw new SegError(split, `is no split of ${name}`, `there are: ${splits.join(", ")}`);
}

/** The name a dataset goes by: that of its folder. */
export const nameOf = (root: string): string => basename(resolve(root));

function assignSplits({ pairs, split, root, warnings }: PhotoSet): Pair[] {
  const train = pairs.filter((pair) => (pair.split ?? "train") === "train");
  const stated = pairs.some((pair) => pair.split === "val");
  const held = stated ? new Set() : holdOut(idsOf(train), split.valFraction, split.splitSeed);
  if (held.size > 0)
    warnings.push(`${root}: no val split is given; ${held.size} of ${train.length} samples are held out`);
  return pairs.map((pair) => ({ ...pair, split: held.has(pair.id) ? "val" : (pair.split ?? "train") }));
}

const idsOf = (pairs: readonly Pair[]) => pairs.map(({ id }) => id);

function checkUnique(samples: ReadonlyMap<string, readonly Sample[]>): void {
  const seen = new Map<string, string>();
  for (const { id, file } of [...samples.values()].flat()) {
    const other = seen.get(id);
    if (other !== undefined) throw new SegError(file, `has the same name as ${other}: ${id}`, "rename one of the two");
    seen.set(id, file);
  }
}

/** Keeps the first warning of each sort: the text behind the file's name. */
function warnOnce(warnings: string[]): (message: string) => void {
  const seen = new Set<string>();
  return (message) => {
    const sort = message.replace(/^.*?: (?=[A-Z])/, "").replace(/\d+/g, "");
    if (seen.has(sort)) return;
    seen.add(sort);
    warnings.push(message);
  };
}
