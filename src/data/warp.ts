/**
 * @file Affine sampling of an image and its labels in one pass: bilinear for the image, nearest for the labels. Where the map leaves the image
 * the fill value and IGNORE are written. Pixel centres lie at half-integers.
 */
import { IGNORE, type LabelMap, type Raster } from "../contract.js";

/** Source = [a b; c d] output + [tx ty], in pixels with centres at +0.5. */
export interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly tx: number;
  readonly ty: number;
}

export const IDENTITY: Affine = { a: 1, b: 0, c: 0, d: 1, tx: 0, ty: 0 };

/** first, then second: output of `second` feeds `first`'s source map (source = first(second(output))). */
export function compose(first: Affine, second: Affine): Affine {
  return {
    a: first.a * second.a + first.b * second.c,
    b: first.a * second.b + first.b * second.d,
    c: first.c * second.a + first.d * second.c,
    d: first.c * second.b + first.d * second.d,
    tx: first.a * second.tx + first.b * second.ty + first.tx,
    ty: first.c * second.tx + first.d * second.ty + first.ty,
  };
}

/** Samples an interleaved uint8 or float32 raster at width x height; `fill` is one value a band. */
export function warpImage(source: Raster, map: Affine, width: number, height: number, fill: readonly number[]): Raster {
  const { bands } = source;
  const byte = source.data instanceof Uint8Array;
  const data = byte ? new Uint8Array(width * height * bands) : new Float32Array(width * height * bands);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += bands) {
      const sx = map.a * (x + 0.5) + map.b * (y + 0.5) + map.tx - 0.5;
      const sy = map.c * (x + 0.5) + map.d * (y + 0.5) + map.ty - 0.5;
      samplePixel(source, sx, sy, data, to, fill);
    }
  }
  return { data, width, height, bands };
}

function samplePixel(
  { data, width, height, bands }: Raster,
  sx: number,
  sy: number,
  out: Uint8Array | Float32Array,
  to: number,
  fill: readonly number[],
): void {
  if (sx < -0.5 || sy < -0.5 || sx > width - 0.5 || sy > height - 0.5) {
    for (let band = 0; band < bands; band++) out[to + band] = fill[band];
    return;
  }
  const x0 = Math.max(Math.floor(sx), 0);
  const y0 = Math.max(Math.floor(sy), 0);
  const wx = Math.max(sx - x0, 0);
  const wy = Math.max(sy - y0, 0);
  const right = x0 + 1 < width ? bands : 0;
  const below = y0 + 1 < height ? width * bands : 0;
  const rounding = out instanceof Uint8Array ? 0.5 : 0;
  for (let band = 0, at = (y0 * width + x0) * bands; band < bands; band++, at++) {
    const upper = data[at] + (data[at + right] - data[at]) * wx;
    const lower = data[at + below] + (data[at + below + right] - data[at + below]) * wx;
    out[to + band] = upper + (lower - upper) * wy + rounding;
  }
}

/** Labels at the nearest pixel; IGNORE outside. */
export function warpLabels(source: LabelMap, map: Affine, width: number, height: number): LabelMap {
  const data = new Uint8Array(width * height).fill(IGNORE);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const sx = Math.floor(map.a * (x + 0.5) + map.b * (y + 0.5) + map.tx);
      const sy = Math.floor(map.c * (x + 0.5) + map.d * (y + 0.5) + map.ty);
      if (sx >= 0 && sy >= 0 && sx < source.width && sy < source.height) data[to] = source.data[sy * source.width + sx];
    }
  }
  return { data, width, height };
}
