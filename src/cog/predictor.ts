/**
 * @file The two predictors of TIFF, forwards and backwards, on whole blocks in place. Source: TIFF 6.0 section 14 (2: differences to the sample of
 * the same band in the pixel before, modulo the type); Adobe Photoshop TIFF Technical Note 3 (3: bytes of a row by significance, then differences).
 */
import type { Samples } from "./samples.js";

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
  reorder(bytes, rows.length, size, (sample, byte) => [byte * rows.length + sample, sample * size + size - 1 - byte]);
  difference(bytes, rows.length * size, rows.bands);
}

/** Undoes `predict`. */
export function restore(predictor: 1 | 2 | 3, samples: Samples, rows: Rows): void {
  if (predictor === 2) accumulate(samples, rows.length, rows.bands);
  if (predictor !== 3) return;
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const size = samples.BYTES_PER_ELEMENT;
  accumulate(bytes, rows.length * size, rows.bands);
  reorder(bytes, rows.length, size, (sample, byte) => [sample * size + size - 1 - byte, byte * rows.length + sample]);
}

function difference(samples: Samples, length: number, step: number): void {
  for (let start = 0; start < samples.length; start += length)
    for (let i = start + length - 1; i >= start + step; i--) samples[i] -= samples[i - step];
}

function accumulate(samples: Samples, length: number, step: number): void {
  for (let start = 0; start < samples.length; start += length)
    for (let i = start + step; i < start + length; i++) samples[i] += samples[i - step];
}

/** Moves the bytes of each row; `places` gives the new and the old one of a byte, 0 the most significant. */
function reorder(
  bytes: Uint8Array,
  length: number,
  size: number,
  places: (sample: number, byte: number) => readonly [to: number, from: number],
): void {
  const moves = new Uint32Array(length * size);
  for (let sample = 0; sample < length; sample++) {
    for (let byte = 0; byte < size; byte++) {
      const [to, from] = places(sample, byte);
      moves[to] = from;
    }
  }
  const row = new Uint8Array(moves.length);
  for (let start = 0; start < bytes.length; start += row.length) {
    row.set(bytes.subarray(start, start + row.length));
    for (let i = 0; i < row.length; i++) bytes[start + i] = row[moves[i]];
  }
}
