/** @file Named arrays laid out one after the other and cut into strips of one length, as views where a strip lies within one of them. */
import type { TensorData } from "../graph/tensor.js";

/** Part of an array in a strip: elements `from` .. `from + length` of it stand at `at`. */
export interface Piece {
  readonly name: string;
  readonly from: number;
  readonly at: number;
  readonly length: number;
}

/** Strips of `extent` elements; the last may be filled less. */
export function stripsOf(sizes: ReadonlyMap<string, number>, longest: number): { strips: Piece[][]; extent: number } {
  let total = 0;
  for (const size of sizes.values()) total += size;
  const extent = Math.max(1, Math.min(longest, total));
  const strips: Piece[][] = [];
  let at = extent;
  for (const [name, size] of sizes) {
    for (let from = 0; from < size; ) {
      if (at === extent) {
        strips.push([]);
        at = 0;
      }
      const length = Math.min(size - from, extent - at);
      strips[strips.length - 1].push({ name, from, at, length });
      from += length;
      at += length;
    }
  }
  return { strips, extent };
}

type Source = (name: string) => TensorData | undefined;

/** Values of a strip: a view of one array, or put together in `buffer`, zeros behind its end. */
export function readStrip(strip: readonly Piece[], buffer: Float32Array, source: Source): Float32Array {
  const [first] = strip;
  if (first.length === buffer.length)
    return arrayOf(source, first.name).subarray(first.from, first.from + first.length);
  for (const { name, from, at, length } of strip) buffer.set(arrayOf(source, name).subarray(from, from + length), at);
  const last = strip[strip.length - 1];
  return buffer.fill(0, last.at + last.length);
}

/** The way back: values into the arrays they belong to. */
export function writeStrip(strip: readonly Piece[], values: Float32Array, target: Source): void {
  for (const { name, from, at, length } of strip) arrayOf(target, name).set(values.subarray(at, at + length), from);
}

function arrayOf(source: Source, name: string): Float32Array {
  const value = source(name);
  if (!value) throw new Error(`internal: the step wants a value of ${name}, which nobody gives`);
  return value.data as Float32Array;
}
