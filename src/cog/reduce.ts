/**
 * @file One pixel from 2 x 2, for overviews. At a border with an odd number of pixels the last one stands for its missing neighbour, which changes
 * neither a mode nor a mean. The loops are written out over typed arrays: they run over every pixel of a scene.
 */
import { isNodata, type Samples } from "./samples.js";

/** Where rows of pixels lie in samples: both source rows from their first sample on; `beside` leads from a pixel to the next, 0 where there is none. */
interface RowPair {
  readonly from: Samples;
  readonly top: number;
  readonly bottom: number;
  readonly beside: number;
  readonly to: Samples;
  readonly target: number;
  /** Pixels to make. */
  readonly count: number;
  readonly bands: number;
  readonly nodata: number | undefined;
}

const KERNELS = { mode: modeOfRows, mean: meanOfRows, nearest: nearestOfRows };

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

/** How patches are reduced: samples of a row of blocks and the rest. */
export interface Reduction {
  readonly how: keyof typeof KERNELS;
  /** Pixels of a row of a block. */
  readonly blockSize: number;
  readonly bands: number;
  readonly nodata: number | undefined;
}

/** Writes a patch of half its sides, rounded up, into the target. */
export function reduce({ how, blockSize, bands, nodata }: Reduction, patch: Patch, target: Target): void {
  const kernel = KERNELS[how];
  const stride = blockSize * bands;
  const pairs = patch.width >> 1;
  const common = { from: patch.samples, to: target.samples, bands, nodata };
  for (let y = 0; y < patch.height; y += 2) {
    const top = y * stride;
    const bottom = y + 1 < patch.height ? top + stride : top;
    const at = (target.y + (y >> 1)) * stride + target.x * bands;
    kernel({ ...common, top, bottom, beside: bands, target: at, count: pairs });
    if (patch.width % 2 === 0) continue;
    const skipped = 2 * pairs * bands;
    const last = { beside: 0, target: at + pairs * bands, count: 1 };
    kernel({ ...common, top: top + skipped, bottom: bottom + skipped, ...last });
  }
}

function nearestOfRows({ from, top, to, target, count, bands }: RowPair): void {
  for (let x = 0; x < count; x++)
    for (let k = 0; k < bands; k++) to[target + x * bands + k] = from[top + 2 * x * bands + k];
}

function modeOfRows({ from, top, bottom, beside, to, target, count, bands, nodata }: RowPair): void {
  let [upper, lower, at] = [top, bottom, target];
  for (let x = 0; x < count; x++, upper += bands, lower += bands) {
    for (let k = 0; k < bands; k++, upper++, lower++, at++) {
      const a = from[upper];
      const b = from[upper + beside];
      const c = from[lower];
      const d = from[lower + beside];
      to[at] = a === b && c === d && a === c ? a : mode(a, b, c, d, nodata);
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

function meanOfRows({ from, top, bottom, beside, to, target, count, bands, nodata }: RowPair): void {
  const half = isIntegers(to) ? 0.5 : 0; // integers are rounded, halves up
  let [upper, lower, at] = [top, bottom, target];
  for (let x = 0; x < count; x++, upper += bands, lower += bands) {
    for (let k = 0; k < bands; k++, upper++, lower++, at++) {
      const a = from[upper];
      const b = from[upper + beside];
      const c = from[lower];
      const d = from[lower + beside];
      const sum = a + b + c + d;
      if (nodata === undefined && !Number.isNaN(sum)) to[at] = half ? Math.floor(sum / 4 + half) : sum / 4;
      else to[at] = meanOfValid(a, b, c, d, nodata, half);
    }
  }
}

const isIntegers = (samples: Samples) => !(samples instanceof Float32Array || samples instanceof Float64Array);

/** The mean of what holds data; `nodata`, or NaN without one, where nothing does. A mean that happens to be the nodata value would be none. */
function meanOfValid(a: number, b: number, c: number, d: number, nodata: number | undefined, half: number): number {
  let [sum, count, first] = [0, 0, nodata ?? Number.NaN];
  for (let i = 0; i < 4; i++) {
    const value = i === 0 ? a : i === 1 ? b : i === 2 ? c : d;
    if (Number.isNaN(value) || isNodata(value, nodata)) continue;
    if (count === 0) first = value;
    sum += value;
    count++;
  }
  if (count === 0) return first;
  const mean = half ? Math.floor(sum / count + half) : sum / count;
  return mean === nodata ? first : mean;
}
