/**
 * @file Samples copied from one stride to another. A loop for each array type: V8 compiles one that meets them all as slow, generic code.
 */
import type { PixelArray } from "../../contract.js";

/** Samples as words of their size: what they mean does not count. */
export type Words = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** A view of the samples' words; made once a block, not once a row. */
export function wordsOf(samples: PixelArray): Words {
  const { buffer, byteOffset, length } = samples;
  const size = samples.BYTES_PER_ELEMENT;
  if (size === 1) return new Uint8Array(buffer, byteOffset, length);
  if (size === 2) return new Uint16Array(buffer, byteOffset, length);
  return size === 4 ? new Uint32Array(buffer, byteOffset, length) : new Float64Array(buffer, byteOffset, length);
}

/** out[to + i * outStep] = from[at + i * step] for i < count; both are words of one size. */
export function copySamples(
  from: Words,
  at: number,
  step: number,
  out: Words,
  to: number,
  outStep: number,
  count: number,
): void {
  if (from instanceof Uint8Array && out instanceof Uint8Array) copy8(from, at, step, out, to, outStep, count);
  else if (from instanceof Uint16Array && out instanceof Uint16Array) copy16(from, at, step, out, to, outStep, count);
  else if (from instanceof Uint32Array && out instanceof Uint32Array) copy32(from, at, step, out, to, outStep, count);
  else if (from instanceof Float64Array && out instanceof Float64Array) copy64(from, at, step, out, to, outStep, count);
  else throw new Error("internal: samples of two types");
}

type Copy<T> = (from: T, at: number, step: number, out: T, to: number, outStep: number, count: number) => void;

const copy8: Copy<Uint8Array> = (from, at, step, out, to, outStep, count) => {
  for (let i = 0, a = at, o = to; i < count; i++, a += step, o += outStep) out[o] = from[a];
};

const copy16: Copy<Uint16Array> = (from, at, step, out, to, outStep, count) => {
  for (let i = 0, a = at, o = to; i < count; i++, a += step, o += outStep) out[o] = from[a];
};

const copy32: Copy<Uint32Array> = (from, at, step, out, to, outStep, count) => {
  for (let i = 0, a = at, o = to; i < count; i++, a += step, o += outStep) out[o] = from[a];
};

const copy64: Copy<Float64Array> = (from, at, step, out, to, outStep, count) => {
  for (let i = 0, a = at, o = to; i < count; i++, a += step, o += outStep) out[o] = from[a];
};
