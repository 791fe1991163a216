/**
 * @file Pillow's BILINEAR resize (antialiased triangle filter), bit-exact for uint8, and nearest neighbour for labels.
 * Source: python-pillow/Pillow, src/libImaging/Resample.c (ImagingResample) and Geometry.c (ImagingScaleAffine).
 * Layout: interleaved [H, W, bands]. uint8 runs in 22-bit fixed point, rounded to uint8 between passes.
 */
import type { LabelMap, Raster } from "../contract.js";

const PRECISION = 22;
const HALF = 1 << (PRECISION - 1);

/** Size after scaling the longer side to `side`, rounded as SAM does (ResizeLongestSide.get_preprocess_shape); pixels. */
export function samSize(width: number, height: number, side: number): { width: number; height: number } {
  const scale = side / Math.max(width, height);
  const scaled = (extent: number) => Math.max(1, Math.floor(extent * scale + 0.5));
  return { width: scaled(width), height: scaled(height) };
}

/**
 * Pillow's BILINEAR with antialias. uint8 stays uint8 and equals Pillow bit for bit; every other type gives float32, as
 * Pillow's mode F does. `valid` follows by nearest neighbour.
 */
export function resizeBilinear(raster: Raster, width: number, height: number): Raster {
  const { bands, valid } = raster;
  const source = raster.data instanceof Uint8Array ? raster.data.slice() : Float32Array.from(raster.data);
  const from: Samples = { data: source, width: raster.width, height: raster.height, bands };
  const { data } = rowsFirst(from, width, height)
    ? resizeColumns(resizeRows(from, height), width)
    : resizeRows(resizeColumns(from, width), height);
  if (!valid) return { data, width, height, bands };
  return { data, width, height, bands, valid: resizePlane(valid, raster.width, raster.height, width, height) };
}

interface Samples {
  readonly data: Uint8Array | Float32Array;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
}

/** Pillow 13 begins with the vertical pass where it takes away more than twice what the other does; until 12 it was always second. */
const rowsFirst = (from: Samples, width: number, height: number) =>
  height < from.height && from.height - height > 2 * (from.width - width);

function resizeColumns(from: Samples, to: number): Samples {
  const { data, width, height, bands } = from;
  if (width === to) return from;
  const taps = filterTaps(width, to);
  const horizontal =
    data instanceof Uint8Array
      ? horizontalBytes(data, width, height, to, bands, taps)
      : horizontalFloats(data, width, height, to, bands, taps);
  return { ...from, data: horizontal, width: to };
}

function resizeRows(from: Samples, to: number): Samples {
  const { data, width, height, bands } = from;
  if (height === to) return from;
  const taps = filterTaps(height, to);
  const vertical =
    data instanceof Uint8Array
      ? verticalBytes(data, width * bands, to, taps)
      : verticalFloats(data, width * bands, to, taps);
  return { ...from, data: vertical, height: to };
}

/** Nearest neighbour at pixel centres, as Pillow's NEAREST. */
export function resizeNearest(labels: LabelMap, width: number, height: number): LabelMap {
  return { data: resizePlane(labels.data, labels.width, labels.height, width, height), width, height };
}

/** Filter of one axis: output i reads `count[i]` inputs from `start[i]`, weights at i * size. */
interface Taps {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly size: number;
  readonly weights: Float64Array;
  readonly fixed: Int32Array;
}

function filterTaps(from: number, to: number): Taps {
  const scale = from / to;
  const support = Math.max(scale, 1); // the triangle's half width grows when shrinking: this is the antialias
  const size = Math.ceil(support) * 2 + 1;
  const [start, count] = [new Int32Array(to), new Int32Array(to)];
  const [weights, fixed] = [new Float64Array(to * size), new Int32Array(to * size)];
  const inverse = 1 / support;
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    start[i] = Math.max(0, Math.trunc(centre - support + 0.5));
    count[i] = Math.min(from, Math.trunc(centre + support + 0.5)) - start[i];
    let sum = 0;
    for (let k = 0; k < count[i]; k++) {
      const distance = Math.abs((k + start[i] - centre + 0.5) * inverse);
      weights[i * size + k] = distance < 1 ? 1 - distance : 0;
      sum += weights[i * size + k];
    }
    for (let k = i * size; k < i * size + count[i]; k++) {
      if (sum !== 0) weights[k] /= sum;
      fixed[k] = Math.trunc(0.5 + weights[k] * (1 << PRECISION));
    }
  }
  return { start, count, size, weights, fixed };
}

const clip = (sum: number) => {
  const value = sum >> PRECISION;
  return Math.max(0, Math.min(255, value));
};

function horizontalBytes(data: Uint8Array, width: number, height: number, to: number, bands: number, taps: Taps) {
  const out = new Uint8Array(to * height * bands);
  if (bands === 3) {
    for (let y = 0; y < height; y++) rowOfThree(data, y * width * 3, out, y * to * 3, to, taps);
    return out;
  }
  const { start, count, size, fixed } = taps;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      for (let b = 0; b < bands; b++, at++) {
        let sum = HALF;
        let from = (y * width + start[x]) * bands + b;
        for (let k = x * size, end = k + count[x]; k < end; k++, from += bands) sum += Math.imul(data[from], fixed[k]);
        out[at] = clip(sum);
      }
    }
  }
  return out;
}

/** One row of RGB: the three sums side by side, which is what makes a photo take tens of milliseconds. */
function rowOfThree(data: Uint8Array, row: number, out: Uint8Array, at: number, to: number, taps: Taps): void {
  const { start, count, size, fixed } = taps;
  for (let x = 0; x < to; x++, at += 3) {
    let [red, green, blue] = [HALF, HALF, HALF];
    let from = row + start[x] * 3;
    for (let k = x * size, end = k + count[x]; k < end; k++, from += 3) {
      const weight = fixed[k];
      red = (red + Math.imul(data[from], weight)) | 0;
      green = (green + Math.imul(data[from + 1], weight)) | 0;
      blue = (blue + Math.imul(data[from + 2], weight)) | 0;
    }
    out[at] = clip(red);
    out[at + 1] = clip(green);
    out[at + 2] = clip(blue);
  }
}

function verticalBytes(data: Uint8Array, row: number, to: number, { start, count, size, fixed }: Taps): Uint8Array {
  const out = new Uint8Array(row * to);
  const sums = new Int32Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]; k++) {
      const weight = fixed[y * size + k];
      const from = (start[y] + k) * row;
      for (let i = 0; i < row; i++) sums[i] += Math.imul(data[from + i], weight);
    }
    for (let i = 0, at = y * row; i < row; i++, at++) out[at] = clip(sums[i]);
  }
  return out;
}

function horizontalFloats(data: Float32Array, width: number, height: number, to: number, bands: number, taps: Taps) {
  const { start, count, size, weights } = taps;
  const out = new Float32Array(to * height * bands);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      for (let b = 0; b < bands; b++, at++) {
        let sum = 0;
        let from = (y * width + start[x]) * bands + b;
        for (let k = x * size, end = k + count[x]; k < end; k++, from += bands) sum += data[from] * weights[k];
        out[at] = sum;
      }
    }
  }
  return out;
}

function verticalFloats(
  data: Float32Array,
  row: number,
  to: number,
  { start, count, size, weights }: Taps,
): Float32Array {
  const out = new Float32Array(row * to);
  const sums = new Float64Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(0);
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[y * size + k];
      const from = (start[y] + k) * row;
      for (let i = 0; i < row; i++) sums[i] += data[from + i] * weight;
    }
    out.set(sums, y * row);
  }
  return out;
}

function resizePlane(data: Uint8Array, width: number, height: number, toWidth: number, toHeight: number): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight);
  const xs = nearest(width, toWidth);
  const ys = nearest(height, toHeight);
  for (let y = 0, at = 0; y < toHeight; y++) {
    const row = ys[y] * width;
    for (let x = 0; x < toWidth; x++, at++) out[at] = data[row + xs[x]];
  }
  return out;
}

function nearest(from: number, to: number): Int32Array {
  const scale = from / to;
  const out = new Int32Array(to);
  let position = scale * 0.5; // summed up step by step, as Pillow does: a product would round differently
  for (let i = 0; i < to; i++, position += scale) out[i] = Math.min(Math.floor(position), from - 1);
  return out;
}
