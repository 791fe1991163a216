/**
 * @file Traced tensors: symbolic values with a static shape and the op that made them. They hold no data.
 * Layout is PyTorch's: images NCHW, convolution weights OIHW, transformer tokens [B, N, C].
 */
import type { OpAttrs, OpName } from "./attrs.js";

export type DType = "float32" | "int32" | "uint8" | "bool";
export type Shape = readonly number[];

/** A symbolic value. `id` grows with creation, so sorting by id is a topological order. */
export interface Tensor<K extends OpName = OpName> {
  readonly id: number;
  readonly op: K;
  readonly inputs: readonly Tensor[];
  readonly attrs: OpAttrs[K];
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Data of a tensor outside the graph, row-major. */
export interface TensorData {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: Shape;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
