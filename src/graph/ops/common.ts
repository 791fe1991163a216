/** @file What several op families share: broadcasting, its inverse in gradients, shape errors. */
import { SegError } from "../../errors.js";
import type { GraphOps } from "../rule.js";
import { type DType, type Shape, sizeOf, type Tensor } from "../tensor.js";

/** Shape of the result of broadcasting like NumPy; an error names the op and both shapes. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw shapeError(op, `cannot broadcast [${a}] with [${b}]`);
    return x === 1 ? y : x;
  });
}

/** An error about shapes a caller gave. */
export const shapeError = (op: string, reason: string) =>
  new SegError(op, reason, "check the shapes of what is combined");

/** Sums a cotangent down to the shape its value had before broadcasting. */
export function unbroadcast(g: GraphOps, d: Tensor, shape: Shape): Tensor {
  const extra = d.shape.length - shape.length;
  const axes = d.shape.flatMap((extent, i) => (i < extra || (shape[i - extra] === 1 && extent !== 1) ? [i] : []));
  if (!axes.length) return d;
  const summed = g.sum(d, axes, true);
  return summed.shape.length === shape.length ? summed : g.reshape(summed, shape);
}

/** Result of an op that keeps its first input's shape and type. */
export const sameAsFirst = ([x]: readonly Tensor[]): { shape: Shape; dtype: DType } => ({
  shape: x.shape,
  dtype: x.dtype,
});

/** One operation an element of the result. */
export const perElement = (times: number) => (node: Tensor) => times * sizeOf(node.shape);
export const noFlops = () => 0;
export const noGrad = () => [];

/** Our type names as ONNX TensorProto types and tfjs types. */
export const onnxType: Record<DType, number> = { float32: 1, uint8: 2, int32: 6, bool: 9 };
export const tfType: Record<DType, "float32" | "int32" | "bool"> = {
  float32: "float32",
  uint8: "int32",
  int32: "int32",
  bool: "bool",
};

/** The gradient of an op whose own gradient is not needed. */
export function noSecond(what: string): () => never {
  return () => {
    throw new Error(`internal: the gradient of ${what} has no gradient of its own`);
  };
}
