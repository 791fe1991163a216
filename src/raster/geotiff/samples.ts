/**
 * @file From decoded bytes to samples: predictors undone in the file's byte order, bits unpacked, bytes put in this
 * machine's order. Source: TIFF 6.0 section 14; Adobe Photoshop TIFF Technical Note 3 (floating point predictor).
 */
import { accumulate, undoFloatPredictor } from "../../cog/undo-predictor.js";
import type { PixelArray } from "../../contract.js";
import { type BlockForm, type SampleType, samplesOfBlock } from "./layout.js";

/** Samples of a block [rows, blockWidth, samples]; `bytes` is changed in place. */
export function toSamples(bytes: Buffer, form: BlockForm, rows: number): PixelArray {
  const { type, bits, predictor, blockWidth: width } = form;
  const samples = samplesOfBlock(form);
  let little = form.littleEndian;
  if (predictor === 3) {
    undoFloatPredictor(bytes, rows, width * samples, samples, bits / 8);
    little = true; // this predictor has an order of its own, whatever the file's
  }
  if (bits < 8) return unpackBits(bytes, bits, rows, width * samples);
  const count = rows * width * samples;
  const words = aligned(bytes, bits / 8);
  if (!little) swap(words, bits);
  if (predictor === 2) accumulate(words, rows, width * samples, samples, bits);
  return view(words, type, count);
}

/** Typed arrays want memory at a multiple of their words. */
const aligned = (bytes: Buffer, size: number): Buffer =>
  bytes.byteOffset % size === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer);

function unpackBits(bytes: Buffer, bits: number, rows: number, count: number): Uint8Array {
  const out = new Uint8Array(rows * count);
  const stride = Math.ceil((count * bits) / 8);
  const mask = (1 << bits) - 1;
  for (let y = 0, at = 0; y < rows; y++) {
    for (let i = 0, bit = 0; i < count; i++, bit += bits) {
      out[at++] = (bytes[y * stride + (bit >> 3)] >> (8 - bits - (bit & 7))) & mask;
    }
  }
  return out;
}

function swap(bytes: Buffer, bits: number): void {
  if (bits === 16) bytes.swap16();
  else if (bits === 32) bytes.swap32();
  else if (bits === 64) bytes.swap64();
}

function view({ buffer, byteOffset }: Buffer, type: SampleType, count: number): PixelArray {
  switch (type) {
    case "uint16":
      return new Uint16Array(buffer, byteOffset, count);
    case "uint32":
      return new Uint32Array(buffer, byteOffset, count);
    case "int8":
      return Int16Array.from(new Int8Array(buffer, byteOffset, count));
    case "int16":
      return new Int16Array(buffer, byteOffset, count);
    case "int32":
      return new Int32Array(buffer, byteOffset, count);
    case "int64":
      return joined(new Int32Array(buffer, byteOffset, 2 * count), new Uint32Array(buffer, byteOffset, 2 * count));
    case "uint64":
      return joined(new Uint32Array(buffer, byteOffset, 2 * count), new Uint32Array(buffer, byteOffset, 2 * count));
    case "float16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, count), half);
    case "float32":
      return new Float32Array(buffer, byteOffset, count);
    case "float64":
      return new Float64Array(buffer, byteOffset, count);
    case "uint1":
    case "uint2":
    case "uint4":
    case "uint8":
      return new Uint8Array(buffer, byteOffset, count);
    default:
      return type satisfies never;
  }
}

/** Integers of 64 bits, least significant word first, as doubles; throws where a double cannot be the same number, but for the largest, used as nodata. */
function joined(high: Int32Array | Uint32Array, low: Uint32Array): Float64Array {
  const out = new Float64Array(low.length / 2);
  for (let i = 0, at = 0; i < out.length; i++, at += 2) {
    const top = high[at + 1] * 2 ** 32;
    out[i] = top + low[at];
    if (out[i] - top !== low[at] && out[i] < 2 ** 63) throw new Error("a sample of 64 bits is beyond 2^53");
  }
  return out;
}

/** IEEE 754 binary16 as a number. */
function half(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
