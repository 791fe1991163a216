/**
 * @file What an op must say of itself: shape, gradient, ONNX lowering, tfjs lowering, FLOPs.
 * The engines supply `Onnx` and `Tf`; the rules never import an engine.
 */
import type { OpAttrs, OpName } from "./attrs.js";
import type { DType, Shape, Tensor, TensorData } from "./tensor.js";
import type { TfOps, TfTensor } from "./tf.js";

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** Builds ONNX nodes; equal nodes (type, inputs, attributes) are emitted once. Values are names. */
export interface Onnx {
  op(type: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>, domain?: string): string;
  /** A node with several outputs. */
  ops(
    type: string,
    inputs: readonly string[],
    outputs: number,
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): string[];
  /** An int64 constant; a vector unless `shape` is []. */
  ints(values: readonly number[], shape?: Shape): string;
  floats(values: readonly number[] | Float32Array, shape: Shape): string;
  constant(value: TensorData): string;
  input(node: Tensor<"input">): string;
  param(node: Tensor<"param">): string;
  /** Whether the tensor is known when the session is made (a frozen parameter or a constant). */
  isConstant(tensor: Tensor): boolean;
  /** Bytes the stacked shifts of one strip of a convolution's weight gradient may take. */
  readonly stripBytes: number;
}

/** What the tfjs lowerings get: tfjs's forward ops (`tf`, see tf.ts) and access to leaves. Its gradients are never used. */
export interface Tf {
  readonly tf: TfOps;
  input(node: Tensor<"input">): TfTensor;
  param(node: Tensor<"param">): TfTensor;
  constant(value: TensorData): TfTensor;
}

/** Every op as a function (functions.ts); handed to gradients so that the rule files import no builder. */
export type GraphOps = typeof import("./functions.js");

export interface OpRule<K extends OpName> {
  /** Shape and type of the result; throws SegError with both shapes on a mismatch. */
  shape(inputs: readonly Tensor[], attrs: OpAttrs[K]): { shape: Shape; dtype: DType };
  /** Cotangents of the inputs, written in ops of the graph; undefined where there is none. */
  grad(node: Tensor<K>, dy: Tensor, g: GraphOps): (Tensor | undefined)[];
  onnx(onnx: Onnx, inputs: readonly string[], node: Tensor<K>): string;
  tfjs(tf: Tf, inputs: readonly TfTensor[], node: Tensor<K>): TfTensor;
  /** Floating-point operations of one execution; a multiply-add counts as two. */
  flops(node: Tensor<K>): number;
}
export type OpRules = { readonly [K in OpName]: OpRule<K> };
