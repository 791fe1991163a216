/** @file Strided views of a storage, as torch describes tensors (offset and strides in elements): checked, then made contiguous float32. */
import { sizeOf } from "../graph/tensor.js";
import { bytesOfType, toFloat32 } from "./numbers.js";
import type { TensorRef } from "./pickle-values.js";

const MOST_DIMENSIONS = 32;
/** A view may repeat elements (stride 0) up to this many; larger ones are at most as large as their storage. */
const MOST_REPEATED = 2 ** 20;

/** Why a view is refused, or undefined. Offset + sum of (size - 1) * stride must stay inside the storage. */
export function checkView({ storage, offset, shape, stride }: TensorRef): string | undefined {
  const all = [offset, ...shape, ...stride];
  const isPlain = shape.length === stride.length && shape.length <= MOST_DIMENSIONS;
  if (!isPlain || !all.every((value) => Number.isSafeInteger(value) && value >= 0)) return "has a damaged shape";
  const count = shape.reduce((product, extent) => product * BigInt(extent), 1n);
  if (count === 0n) return undefined;
  const last = shape.reduce((sum, extent, i) => sum + BigInt(extent - 1) * BigInt(stride[i]), BigInt(offset));
  if (last >= BigInt(storage.elements)) return "reaches outside its storage";
  return count > BigInt(Math.max(storage.elements, MOST_REPEATED)) ? "repeats too few numbers too often" : undefined;
}

/** The view's elements in row-major order; the view was checked. */
export function gather(bytes: Uint8Array, view: TensorRef): Float32Array {
  const { storage, offset, shape, stride } = view;
  const count = sizeOf(shape);
  if (count === 0) return new Float32Array(0);
  const size = bytesOfType(storage.dtype) as number;
  const span = 1 + shape.reduce((sum, extent, i) => sum + (extent - 1) * stride[i], 0);
  const used = toFloat32(bytes.subarray(offset * size, (offset + span) * size), storage.dtype, span);
  return isContiguous(shape, stride) ? used : walk(used, shape, stride, count);
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

/** Counts through the shape like an odometer, the last axis fastest. */
function walk(source: Float32Array, shape: readonly number[], stride: readonly number[], count: number): Float32Array {
  const out = new Float32Array(count);
  const position = shape.map(() => 0);
  let at = 0;
  for (let i = 0; i < count; i++) {
    out[i] = source[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis];
      if (++position[axis] < shape[axis]) break;
      at -= position[axis] * stride[axis];
      position[axis] = 0;
    }
  }
  return out;
}
