/**
 * @file What an op must say of itself: shape, gradient, ONNX lowering, tfjs lowering, FLOPs.
 * The engines supply `Onnx` and `Tf`; the rules never import an engine.
 */
import type { OpAttrs, OpName } from "./attrs.js";
import type { DType, Shape, Tensor, TensorData } from "./tensor.js";
import type { TfOps, TfTensor } from "./tf.js";

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** A node as it was asked for. */
export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly attributes: Record<string, OnnxAttribute>;
  readonly domain: string;
}

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
  /** A constant of so many numbers that is made when it is written, so that not all of them are held at once. */
  computed(shape: Shape, length: number, make: () => Float32Array): string;
  input(node: Tensor<"input">): string;
  param(node: Tensor<"param">): string;
  /** Whether the tensor is known when the session is made (a frozen parameter or a constant). */
  isConstant(tensor: Tensor): boolean;
  /** The values of a tensor that is constant; of a parameter none where only shapes were asked for. */
  frozen(tensor: Tensor): TensorData;
  /** The value of a tensor that was lowered before. */
  valueOf(tensor: Tensor): string;
  /** Whether one node alone reads the tensor, and it is no output: fused into that node it need not be computed. */
  isReadOnce(tensor: Tensor): boolean;
  /** Channels a block of the layout of the CPU's own convolutions (see ops/blocked.ts); 0 where it has none. */
  readonly block: number;
  /** An NCHW map in blocked layout. */
  toBlocked(map: string): string;
  /** A map of this shape in NCHW, known in blocked layout; it is written out only where an op reads it. */
  fromBlocked(blocked: string, shape: Shape): string;
  /** Whether a map is known in blocked layout. */
  isBlocked(map: string): boolean;
  /** A product with a frozen matrix in int8, where that was asked for; undefined: compute it in float32. */
  int8Product(product: Tensor<"matmul">): string | undefined;
  /** The node a value comes from; undefined for what is fed or constant. */
  origin(value: string): OnnxNode | undefined;
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
