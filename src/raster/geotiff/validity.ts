/**
 * @file Which pixels hold data: by an internal mask or alpha, else by nodata; never where a band is NaN.
 */
import type { PixelArray } from "../../contract.js";

/** Pixels [H, W] of `bands` interleaved samples, and what tells about their validity. */
export interface ValidityInput {
  readonly data: PixelArray;
  readonly bands: number;
  readonly nodata: number | undefined;
  /** Samples [H, W] of a mask or of alpha, 0 where there is no data; it then counts instead of nodata. */
  readonly mask: PixelArray | undefined;
}

/** 1 where a pixel holds data, else 0 [H, W]; undefined where all do. A pixel lacks data where all its bands are nodata. */
export function validityOf({ data, bands, nodata, mask }: ValidityInput): Uint8Array | undefined {
  const valid = mask ? nonZero(mask) : unlike(data, bands, nodata);
  return withoutNaN(valid, data, bands);
}

/** GDAL's nodata text; undefined where absent or not a number. */
export function parseNodata(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const word = text.trim().toLowerCase();
  if (/^[-+]?nan/.test(word)) return Number.NaN;
  if (/^[-+]?inf/.test(word)) return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = Number(word);
  return word === "" || Number.isNaN(value) ? undefined : value;
}

function nonZero(mask: PixelArray): Uint8Array | undefined {
  if (!mask.includes(0)) return undefined;
  const valid = new Uint8Array(mask.length);
  for (let i = 0; i < valid.length; i++) valid[i] = mask[i] === 0 ? 0 : 1;
  return valid;
}

function unlike(data: PixelArray, bands: number, nodata: number | undefined): Uint8Array | undefined {
  const value = data instanceof Float32Array && nodata !== undefined ? Math.fround(nodata) : nodata;
  if (value === undefined || Number.isNaN(value) || !data.includes(value)) return undefined;
  const valid = new Uint8Array(data.length / bands);
  for (let i = 0, at = 0; i < valid.length; i++) {
    for (let b = 0; b < bands; b++, at++) if (data[at] !== value) valid[i] = 1;
  }
  return valid;
}

/** Pixels with a NaN in any band do not count: no network takes one. */
function withoutNaN(valid: Uint8Array | undefined, data: PixelArray, bands: number): Uint8Array | undefined {
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  if (!isFloat || !data.includes(Number.NaN)) return valid;
  const out = valid ?? new Uint8Array(data.length / bands).fill(1);
  for (let i = 0, at = 0; i < out.length; i++) {
    for (let b = 0; b < bands; b++, at++) if (Number.isNaN(data[at])) out[i] = 0;
  }
  return out;
}
