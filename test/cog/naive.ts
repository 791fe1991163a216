/** @file Overviews the slow and obvious way: what the writer's are held against. */
import type { Samples } from "../../src/cog/index.js";

/** A picture in memory, interleaved. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly samples: Samples;
}

/** The picture and its overviews until the larger side fits into `side`. */
export function naivePyramid(
  full: Picture,
  side: number,
  how: "mode" | "mean" | "nearest",
  nodata?: number,
): Picture[] {
  const levels = [full];
  for (let last = full; Math.max(last.width, last.height) > side; ) {
    last = halved(last, how, nodata);
    levels.push(last);
  }
  return levels;
}

function halved(from: Picture, how: "mode" | "mean" | "nearest", nodata?: number): Picture {
  const [width, height] = [Math.ceil(from.width / 2), Math.ceil(from.height / 2)];
  const { bands } = from;
  const samples = from.samples.slice(0, width * height * bands);
  const isWhole = !(samples instanceof Float32Array || samples instanceof Float64Array);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < bands; k++) {
        const values = fourOf(from, x, y, k);
        samples[(y * width + x) * bands + k] = how === "nearest" ? values[0] : pick(values, how, isWhole, nodata);
      }
    }
  }
  return { width, height, bands, samples };
}

function fourOf({ width, height, bands, samples }: Picture, x: number, y: number, band: number): number[] {
  const places = [0, 1].flatMap((dy) => [0, 1].map((dx) => [2 * x + dx, 2 * y + dy]));
  const inside = places.filter(([px, py]) => px < width && py < height);
  return inside.map(([px, py]) => samples[(py * width + px) * bands + band]);
}

function pick(values: number[], how: "mode" | "mean", isWhole: boolean, nodata?: number): number {
  const valid = values.filter((value) => !Object.is(value, nodata) && !Number.isNaN(value));
  if (valid.length === 0) return nodata ?? Number.NaN;
  if (how === "mean") {
    const mean = valid.reduce((sum, value) => sum + value, 0) / valid.length;
    const rounded = isWhole ? Math.floor(mean + 0.5) : mean;
    return rounded === nodata ? valid[0] : rounded; // a mean is never "no data"
  }
  const votes = (label: number) => valid.filter((value) => value === label).length;
  return [...valid].sort((a, b) => votes(b) - votes(a) || a - b)[0];
}
