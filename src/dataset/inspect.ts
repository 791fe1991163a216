/**
 * @file A dataset at a glance: how many samples, of which sizes, how the classes are spread, and a sheet of pictures.
 */
import type { BandStatistics, ClassInfo, Dataset, LabelMap, Raster, Sample } from "../contract.js";
import { IGNORE } from "../contract.js";
import { SegError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import {
  type ByteImage,
  type Color,
  encodePng,
  overlay,
  resizeBilinear,
  resizeNearest,
  toDisplay,
} from "../raster/index.js";

/** What `inspectDataset` finds. */
export interface Inspection {
  readonly name: string;
  readonly classes: readonly ClassInfo[];
  readonly bands: readonly string[];
  readonly splits: readonly {
    readonly name: string;
    readonly count: number;
    /** Samples of it that were read. */
    readonly read: number;
    /** Pixels of each class, by class index. */
    readonly classPixels: readonly number[];
    readonly ignoredPixels: number;
  }[];
  /** Sizes of the samples read, the most frequent first. */
  readonly sizes: readonly { readonly width: number; readonly height: number; readonly count: number }[];
  /** Over all splits. */
  readonly classPixels: readonly number[];
  readonly ignoredPixels: number;
  /** Of the training split's bands; absent for 8-bit photos. */
  readonly statistics?: BandStatistics;
  readonly warnings: readonly string[];
}

/** Counts samples and label pixels; with `limit`, at most so many samples of each split, evenly spread, are read. */
export async function inspectDataset(dataset: Dataset, options: { readonly limit?: number } = {}): Promise<Inspection> {
  const sizes = new Map<string, { width: number; height: number; count: number }>();
  const splits: Inspection["splits"][number][] = [];
  for (const name of dataset.splits) {
    const samples = dataset.samples(name);
    const chosen = spread(samples, options.limit ?? samples.length);
    const pixels = new Float64Array(256);
    for (const sample of chosen) countLabels(await sample.labels(), pixels, sizes);
    const classPixels = [...pixels.subarray(0, dataset.classes.length)];
    splits.push({ name, count: samples.length, read: chosen.length, classPixels, ignoredPixels: pixels[IGNORE] });
  }
  const total = (pick: (split: Inspection["splits"][number]) => number) =>
    splits.reduce((sum, split) => sum + pick(split), 0);
  return {
    name: dataset.name,
    classes: dataset.classes,
    bands: dataset.bands,
    splits,
    sizes: [...sizes.values()].sort((a, b) => b.count - a.count),
    classPixels: dataset.classes.map((_, i) => total(({ classPixels }) => classPixels[i])),
    ignoredPixels: total(({ ignoredPixels }) => ignoredPixels),
    ...(dataset.statistics && { statistics: dataset.statistics }),
    warnings: [...dataset.warnings, ...missingClasses(dataset, splits)],
  };
}

/** Classes that a split read whole does not show: they are not learnt, or not judged. One line a set of classes. */
function missingClasses({ name, classes }: Dataset, splits: Inspection["splits"]): string[] {
  const where = new Map<string, string[]>();
  for (const { name: split, classPixels, read, count } of splits) {
    const missing = classes.filter((_, i) => classPixels[i] === 0).map((info) => info.name);
    if (read < count || missing.length === 0) continue;
    const words = missing.length === classes.length ? "any class" : missing.join(", ");
    where.set(words, [...(where.get(words) ?? []), split]);
  }
  return [...where].map(([words, names]) => `${name}: no pixel of ${words} in ${names.join(", ")}`);
}

function spread<T>(items: readonly T[], limit: number): T[] {
  const count = Math.min(items.length, Math.max(0, Math.floor(limit)));
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

type Sizes = Map<string, { width: number; height: number; count: number }>;

function countLabels({ data, width, height }: LabelMap, pixels: Float64Array, sizes: Sizes): void {
  for (const label of data) pixels[label]++;
  const size = sizes.get(`${width}x${height}`) ?? { width, height, count: 0 };
  size.count++;
  sizes.set(`${width}x${height}`, size);
}

/** Pictures on a sheet at most, four in a row, each in a square of this many pixels. */
const MOST = 16;
const COLUMNS = 4;
const CELL = 256;
const GAP = 4;

/** Writes a PNG of at most 16 samples with their labels laid over them, split after split. Ignored pixels stay bare. */
export async function writeContactSheet(dataset: Dataset, path: string): Promise<void> {
  const samples = chooseSamples(dataset);
  if (samples.length === 0)
    throw new SegError(dataset.name, "has no samples to show", "check the options of the dataset");
  const columns = Math.min(COLUMNS, samples.length);
  const rows = Math.ceil(samples.length / columns);
  const sheet = blank(columns * (CELL + GAP) + GAP, rows * (CELL + GAP) + GAP);
  for (const [i, sample] of samples.entries()) {
    const picture = await drawSample(sample, dataset);
    paste(sheet, picture, GAP + (i % columns) * (CELL + GAP), GAP + Math.floor(i / columns) * (CELL + GAP));
  }
  await writeFileAtomic(path, await encodePng(sheet));
}

/** As many of each split as fit; what a small split leaves free goes to train. */
function chooseSamples(dataset: Dataset): Sample[] {
  const share = Math.floor(MOST / Math.max(dataset.splits.length, 1));
  const [first, ...others] = dataset.splits;
  const rest = others.flatMap((split) => spread(dataset.samples(split), share));
  return first === undefined ? [] : [...spread(dataset.samples(first), MOST - rest.length), ...rest];
}

async function drawSample(sample: Sample, dataset: Dataset): Promise<ByteImage> {
  const raster = await sample.image();
  const labels = await sample.labels();
  const scale = Math.min(CELL / raster.width, CELL / raster.height);
  const width = Math.max(1, Math.round(raster.width * scale));
  const height = Math.max(1, Math.round(raster.height * scale));
  const { low, high } = dataset.statistics ?? {};
  const shown = toDisplay(raster, low && high ? { low, high } : {});
  const small = resizeBilinear({ ...shown } satisfies Raster, width, height);
  const image = { data: Uint8Array.from(small.data), width, height, bands: 3 };
  const colors = dataset.classes.map(({ color }): Color => color);
  return overlay(image, resizeNearest(labels, width, height), colors);
}

const blank = (width: number, height: number): { data: Uint8Array; width: number; height: number; bands: number } => ({
  data: new Uint8Array(width * height * 3).fill(32),
  ...{ width, height, bands: 3 },
});

/** Copies a picture into the middle of the cell at (left, top). */
function paste(sheet: ByteImage, picture: ByteImage, left: number, top: number): void {
  const x = left + Math.floor((CELL - picture.width) / 2);
  const y = top + Math.floor((CELL - picture.height) / 2);
  for (let row = 0; row < picture.height; row++) {
    const from = picture.data.subarray(row * picture.width * 3, (row + 1) * picture.width * 3);
    sheet.data.set(from, ((y + row) * sheet.width + x) * 3);
  }
}
