/**
 * @file Weighted sums of source pixels, first along rows and then down columns, from pieces of the source: always the same additions in the same order,
 * so that the sums do not depend on how the source was cut.
 */
import type { AxisTaps } from "./resample-taps.js";
import type { Window } from "./windows.js";

/** Consecutive pixels of an axis. */
export interface Piece {
  readonly start: number;
  readonly length: number;
}

/** An axis' source pixels in pieces of at most `most`. */
export function pieces({ start, length }: Piece, most: number): Piece[] {
  const count = Math.ceil(length / most);
  return Array.from({ length: count }, (_, i) => ({
    start: start + i * most,
    length: Math.min(most, length - i * most),
  }));
}

/** Sums of samples by their weights, and of the weights of those that are data. */
export interface Sums {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

/** Sums of nothing yet [height, width]. */
export const createSums = ({ width, height }: Pick<Window, "width" | "height">): Sums => ({
  values: new Float64Array(width * height),
  weights: new Float64Array(width * height),
});

/** Adds the weighted samples [height, piece] of a piece to sums along rows; without samples the weights alone. */
export function sumRows(
  out: Float64Array,
  samples: Float64Array | Uint8Array | undefined,
  height: number,
  columns: AxisTaps,
  piece: Piece,
): void {
  const { taps } = columns;
  const { start, length } = piece;
  if (!samples && height > 1 && start === columns.start) {
    sumRows(out, samples, 1, columns, piece);
    for (let y = 1; y < height; y++) out.copyWithin(y * taps.length, 0, taps.length);
    return;
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < taps.length; x++) {
      const { from, weights } = taps[x];
      const at = y * length + from - start;
      const end = Math.min(weights.length, start + length - from);
      let sum = out[y * taps.length + x];
      if (samples) for (let k = Math.max(0, start - from); k < end; k++) sum += weights[k] * samples[at + k];
      else for (let k = Math.max(0, start - from); k < end; k++) sum += weights[k];
      out[y * taps.length + x] = sum;
    }
  }
}

/** Adds the weighted rows of a strip, from the top down. */
export function addLines(sums: Sums, lines: Sums, { taps }: AxisTaps, strip: Piece): void {
  const across = sums.values.length / taps.length;
  for (const [y, { from, weights }] of taps.entries()) {
    const end = Math.min(weights.length, strip.start + strip.length - from);
    for (let k = Math.max(0, strip.start - from); k < end; k++) {
      const line = (from + k - strip.start) * across;
      for (let x = 0; x < across; x++) {
        sums.values[y * across + x] += weights[k] * lines.values[line + x];
        sums.weights[y * across + x] += weights[k] * lines.weights[line + x];
      }
    }
  }
}
