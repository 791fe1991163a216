/**
 * @file One pixel from 2 x 2, for overviews. At a border with an odd number of pixels the last one stands for its missing neighbour, which changes
 * neither a mode nor a mean. The loops are written out over typed arrays, without a call or an object a row: they run over every pixel of a scene.
 */
import { isNodata, type Samples } from "./samples.js";

/** A block, or a part of one: its samples, and the pixels of it that are of the raster. */
export interface Patch {
  readonly samples: Samples;
  readonly width: number;
  readonly height: number;
}

/** Where a reduced patch goes. */
export interface Target {
  readonly samples: Samples;
  /** Of the patch's first pixel. */
  readonly x: number;
  readonly y: number;
}

/** How patches are reduced. */
export interface Reduction {
  readonly overviews: keyof typeof KERNELS;
  /** Pixels of a row of a block. */
  readonly blockSize: number;
  readonly bands: number;
  readonly nodata?: number;
}

/** Pixels to read, where the first one made goes, and how samples lie. */
interface Walk {
  readonly width: number;
  readonly height: number;
  readonly start: number;
  /** Samples of a row. */
  readonly stride: number;
  readonly bands: number;
  readonly nodata: number | undefined;
}

const KERNELS = { mode: modes, mean: means, nearest: firsts };

/** Writes a patch of half its sides, rounded up, into the target. */
export function reduce({ overviews, blockSize, bands, nodata }: Reduction, patch: Patch, target: Target): void {
  const stride = blockSize * bands;
  const start = target.y * stride + target.x * bands;
  const walk = { width: patch.width, height: patch.height, start, stride, bands, nodata };
  KERNELS[overviews](patch.samples, target.samples, walk);
}

function firsts(from: Samples, to: Samples, { width, height, start, stride, bands }: Walk): void {
  for (let y = 0; y < height; y += 2) {
    let upper = y * stride;
    let at = start + (y >> 1) * stride;
    for (let x = 0; x < width; x += 2, upper += bands) for (let k = 0; k < bands; k++) to[at++] = from[upper++];
  }
}

function modes(from: Samples, to: Samples, { width, height, start, stride, bands, nodata }: Walk): void {
  for (let y = 0; y < height; y += 2) {
    const below = y + 1 < height ? stride : 0;
    let upper = y * stride;
    let at = start + (y >> 1) * stride;
    for (let x = 0; x < width; x += 2, upper += bands) {
      const beside = x + 1 < width ? bands : 0;
      for (let k = 0; k < bands; k++, upper++, at++) {
        const a = from[upper];
        const b = from[upper + beside];
        const c = from[upper + below];
        const d = from[upper + below + beside];
        to[at] = a === b && c === d && a === c ? a : mode(a, b, c, d, nodata);
      }
    }
  }
}

/** The most frequent of four labels, ties to the smaller one; `nodata` only among nothing else. */
function mode(a: number, b: number, c: number, d: number, nodata: number | undefined): number {
  let best = nodata ?? 0;
  let most = 0;
  for (let i = 0; i < 4; i++) {
    const label = i === 0 ? a : i === 1 ? b : i === 2 ? c : d;
    if (label === nodata) continue;
    const votes = (label === a ? 1 : 0) + (label === b ? 1 : 0) + (label === c ? 1 : 0) + (label === d ? 1 : 0);
    if (votes < most || (votes === most && label >= best)) continue;
    best = label;
    most = votes;
  }
  return best;
}

function means(from: Samples, to: Samples, { width, height, start, stride, bands, nodata }: Walk): void {
  const isWhole = !(to instanceof Float32Array || to instanceof Float64Array);
  const none = nodata ?? Number.NaN; // equal to nothing; a number always, which keeps the loop fast
  for (let y = 0; y < height; y += 2) {
    const below = y + 1 < height ? stride : 0;
    let upper = y * stride;
    let at = start + (y >> 1) * stride;
    for (let x = 0; x < width; x += 2, upper += bands) {
      const beside = x + 1 < width ? bands : 0;
      for (let k = 0; k < bands; k++, upper++, at++) {
        const a = from[upper];
        const b = from[upper + beside];
        const c = from[upper + below];
        const d = from[upper + below + beside];
        const mean = isWhole ? Math.floor((a + b + c + d) / 4 + 0.5) : (a + b + c + d) / 4;
        const isPlain = a !== none && b !== none && c !== none && d !== none && mean !== none && !Number.isNaN(mean);
        to[at] = isPlain ? mean : meanOfValid(a, b, c, d, nodata, isWhole);
      }
    }
  }
}

/** The mean of what holds data; `nodata`, or NaN without one, where nothing does. A mean that happens to be the nodata value would be none. */
function meanOfValid(a: number, b: number, c: number, d: number, nodata: number | undefined, isWhole: boolean): number {
  let sum = 0;
  let count = 0;
  let first = nodata ?? Number.NaN;
  for (let i = 0; i < 4; i++) {
    const value = i === 0 ? a : i === 1 ? b : i === 2 ? c : d;
    if (Number.isNaN(value) || isNodata(value, nodata)) continue;
    if (count === 0) first = value;
    sum += value;
    count++;
  }
  if (count === 0) return first;
  const mean = isWhole ? Math.floor(sum / count + 0.5) : sum / count;
  return mean === nodata ? first : mean;
}
