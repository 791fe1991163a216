/**
 * @file The two predictors of TIFF on whole blocks in place; undone by undo-predictor.ts. Source: TIFF 6.0 section 14 (2: differences to the sample of
 * the same band in the pixel before, modulo the type); Adobe Photoshop TIFF Technical Note 3 (3: bytes of a row by significance, then differences).
 */
import type { Samples } from "./samples.js";
import { accumulate, undoFloatPredictor } from "./undo-predictor.js";

/** A row of samples, and how many samples a pixel has. */
interface Rows {
  /** Samples of a row. */
  readonly length: number;
  readonly bands: number;
}

/** Replaces samples by what the predictor stores. */
export function predict(predictor: 1 | 2 | 3, samples: Samples, rows: Rows): void {
  if (predictor === 2) difference(samples, rows.length, rows.bands);
  if (predictor !== 3) return;
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const size = samples.BYTES_PER_ELEMENT;
  reorder(bytes, rows.length, size);
  difference(bytes, rows.length * size, rows.bands);
}

/** Undoes `predict`. */
export function restore(predictor: 1 | 2 | 3, samples: Samples, { length, bands }: Rows): void {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const [rows, size] = [samples.length / length, samples.BYTES_PER_ELEMENT];
  if (predictor === 2) accumulate(bytes, rows, length, bands, 8 * size);
  if (predictor === 3) undoFloatPredictor(bytes, rows, length, bands, size);
}

function difference(samples: Samples, length: number, step: number): void {
  for (let start = 0; start < samples.length; start += length)
    for (let i = start + length - 1; i >= start + step; i--) samples[i] -= samples[i - step];
}

/** Moves the bytes of each row: all most significant ones first, then all next. */
function reorder(bytes: Uint8Array, length: number, size: number): void {
  const row = new Uint8Array(length * size);
  for (let start = 0; start < bytes.length; start += row.length) {
    row.set(bytes.subarray(start, start + row.length));
    for (let byte = 0; byte < size; byte++)
      for (let i = 0, to = start + byte * length, from = size - 1 - byte; i < length; i++, from += size)
        bytes[to + i] = row[from];
  }
}
