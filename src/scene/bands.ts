/**
 * @file From blended probabilities to what is written: the most likely class, and bands that say how sure it is, as bytes: 0..254 stand for 0..1, 255
 * is no data. Units: confidence and margin are probabilities; entropy is in parts of ln(classes); disagreement is the weighted root mean square
 * distance of the overlapping windows' probabilities from their mean.
 */
import { IGNORE } from "../contract.js";
import type { FinalBlock, Plane } from "./blend.js";

/** What can be written beside the classes; `classes`: a band of probabilities for each. */
export const PROBABILITY_BANDS = ["classes", "confidence", "margin", "entropy", "disagreement"] as const;
/** One of them. */
export type ProbabilityBand = (typeof PROBABILITY_BANDS)[number];

/** A probability of 1 in a band's bytes. */
export const FULL = 254;

/** Names of the bands written, in order. */
export function bandNames(bands: readonly ProbabilityBand[], classes: readonly string[]): string[] {
  return bands.flatMap((band) => (band === "classes" ? classes.map((name) => `probability of ${name}`) : [band]));
}

/** The squares that disagreement is made of, a plane beside the classes' own: sum over classes of p^2 in one window. */
export function squaresOf(planes: readonly Plane[], width: number, height: number): Plane {
  const out = new Float32Array(width * height);
  for (const { data, stride } of planes) {
    for (let y = 0; y < height; y++) {
      for (let x = 0, at = y * stride, to = y * width; x < width; x++) out[to + x] += data[at + x] ** 2;
    }
  }
  return { data: out, stride: width };
}

/** Bytes of both outputs. */
export interface WrittenBands {
  /** [height, width]. */
  readonly classes: Uint8Array;
  /** [height, width, bands]. */
  readonly probabilities?: Uint8Array;
}

/**
 * Bytes of a final block. `valid`: 0 where there is no data, row y at y * validStride. `squares`: the blended squares, for disagreement.
 */
export function writtenBands(
  { width, height, planes }: Pick<FinalBlock, "width" | "height" | "planes">,
  bands: readonly ProbabilityBand[],
  { valid, validStride, squares }: { valid?: Uint8Array; validStride: number; squares?: Plane },
): WrittenBands {
  const count = bands.length + (bands.includes("classes") ? planes.length - 1 : 0);
  const classes = new Uint8Array(width * height);
  const probabilities = count ? new Uint8Array(width * height * count) : undefined;
  const ranks = emptyRanks(width);
  const rank = bands.includes("margin") ? rankTwo : rankOne;
  for (let y = 0; y < height; y++) {
    rank(planes, y, ranks);
    classes.set(ranks.labels, y * width);
    if (probabilities) {
      const values = bands.flatMap((band) => rowOf[band](planes, y, ranks, squares));
      for (const [b, row] of values.entries()) quantise(row, probabilities, y * width * count + b, count);
    }
    if (valid) hide(valid.subarray(y * validStride), y * width, width, classes, probabilities, count);
  }
  return { classes, ...(probabilities && { probabilities }) };
}

/** The most likely class of each pixel of a row, its probability, and the next one's where that is wanted; the first of equals. */
interface Ranks {
  readonly labels: Uint8Array;
  readonly best: Float32Array;
  readonly second: Float32Array;
}

const emptyRanks = (width: number): Ranks => ({
  labels: new Uint8Array(width),
  best: new Float32Array(width),
  second: new Float32Array(width),
});

function begin({ data, stride }: Plane, y: number, { labels, best, second }: Ranks): void {
  best.set(data.subarray(y * stride, y * stride + best.length));
  labels.fill(0);
  second.fill(0);
}

function rankOne(planes: readonly Plane[], y: number, ranks: Ranks): void {
  const { labels, best } = ranks;
  begin(planes[0], y, ranks);
  for (let c = 1; c < planes.length; c++) {
    const { data, stride } = planes[c];
    for (let x = 0, at = y * stride; x < best.length; x++, at++) {
      const value = data[at];
      if (value > best[x]) {
        best[x] = value;
        labels[x] = c;
      }
    }
  }
}

function rankTwo(planes: readonly Plane[], y: number, ranks: Ranks): void {
  const { labels, best, second } = ranks;
  begin(planes[0], y, ranks);
  for (let c = 1; c < planes.length; c++) {
    const { data, stride } = planes[c];
    for (let x = 0, at = y * stride; x < best.length; x++, at++) {
      const value = data[at];
      if (value > best[x]) {
        second[x] = best[x];
        best[x] = value;
        labels[x] = c;
      } else if (value > second[x]) second[x] = value;
    }
  }
}

type RowOf = (planes: readonly Plane[], y: number, ranks: Ranks, squares: Plane | undefined) => Float32Array[];

/** A row of each band's values, 0..1. */
const rowOf: { readonly [B in ProbabilityBand]: RowOf } = {
  classes: (planes, y, { best }) =>
    planes.map(({ data, stride }) => data.subarray(y * stride, y * stride + best.length)),
  confidence: (_planes, _y, { best }) => [best],
  margin: (_planes, _y, { best, second }) => [best.map((value, x) => value - second[x])],
  entropy(planes, y, { best }) {
    const sum = new Float32Array(best.length);
    for (const { data, stride } of planes) {
      for (let x = 0, at = y * stride; x < sum.length; x++, at++)
        if (data[at] > 0) sum[x] -= data[at] * Math.log(data[at]);
    }
    const most = Math.log(planes.length);
    return [sum.map((value) => value / most)];
  },
  disagreement(planes, y, { best }, squares) {
    if (!squares) throw new Error("internal: disagreement needs the blended squares");
    const rest = squares.data.slice(y * squares.stride, y * squares.stride + best.length);
    for (const { data, stride } of planes) {
      for (let x = 0, at = y * stride; x < rest.length; x++, at++) rest[x] -= data[at] * data[at];
    }
    return [rest.map((value) => Math.sqrt(Math.max(0, value)))];
  },
};

/** A row's values as every `step`th byte. */
function quantise(values: Float32Array, out: Uint8Array, from: number, step: number): void {
  for (let x = 0, at = from; x < values.length; x++, at += step) {
    out[at] = Math.max(0, Math.min(FULL, Math.round(FULL * values[x])));
  }
}

function hide(
  valid: Uint8Array,
  at: number,
  width: number,
  classes: Uint8Array,
  probabilities: Uint8Array | undefined,
  count: number,
): void {
  for (let x = 0; x < width; x++) {
    if (valid[x]) continue;
    classes[at + x] = IGNORE;
    probabilities?.fill(IGNORE, (at + x) * count, (at + x + 1) * count);
  }
}
