/**
 * @file Samples copied from one stride to another. A loop for each array type: V8 compiles one that meets them all as slow, generic code.
 */
import type { PixelArray } from "../../contract.js";

/** out[to + i * outStep] = from[at + i * step] for i < count; both arrays are of one type. */
export function copySamples(
  from: PixelArray,
  at: number,
  step: number,
  out: PixelArray,
  to: number,
  outStep: number,
  count: number,
): void {
  const size = from.BYTES_PER_ELEMENT;
  const same = from.constructor === out.constructor;
  if (!same) throw new Error("internal: samples of two types");
  if (from instanceof Uint8Array && out instanceof Uint8Array) copy8(from, at, step, out, to, outStep, count);
  else if (size === 2) copy16(words16(from), at, step, words16(out), to, outStep, count);
  else if (size === 4) copy32(words32(from), at, step, words32(out), to, outStep, count);
  else if (from instanceof Float64Array && out instanceof Float64Array) copy64(from, at, step, out, to, outStep, count);
}

const words16 = ({ buffer, byteOffset, length }: PixelArray) => new Uint16Array(buffer, byteOffset, length);
const words32 = ({ buffer, byteOffset, length }: PixelArray) => new Uint32Array(buffer, byteOffset, length);

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
