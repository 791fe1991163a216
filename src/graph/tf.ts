/**
 * @file The forward ops of TensorFlow.js that the lowerings may use, as our own types: tfjs is an optional peer, so its
 * types must not appear in ours. Ops whose behaviour differs from PyTorch's (resize, padded pooling) are left out on purpose.
 */

/** A tensor of tfjs. */
export interface TfTensor {
  readonly shape: number[];
  readonly dtype: string;
  dispose(): void;
}

type Unary = (x: TfTensor) => TfTensor;
type Binary = (a: TfTensor, b: TfTensor) => TfTensor;
type Reduction = (x: TfTensor, axes?: number[], keepDims?: boolean) => TfTensor;
type TfType = "float32" | "int32" | "bool";
type Pair = [number, number];

/** Signatures as in the tfjs API of the same name. */
export interface TfOps {
  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly div: Binary;
  readonly maximum: Binary;
  readonly minimum: Binary;
  readonly pow: Binary;
  readonly greater: Binary;
  readonly greaterEqual: Binary;
  readonly equal: Binary;
  readonly logicalAnd: Binary;
  readonly neg: Unary;
  readonly exp: Unary;
  readonly log: Unary;
  readonly sqrt: Unary;
  readonly rsqrt: Unary;
  readonly reciprocal: Unary;
  readonly abs: Unary;
  readonly square: Unary;
  readonly sign: Unary;
  readonly relu: Unary;
  readonly sigmoid: Unary;
  readonly tanh: Unary;
  readonly erf: Unary;
  readonly softplus: Unary;
  readonly logicalNot: Unary;
  readonly isFinite: Unary;
  readonly zerosLike: Unary;
  where(condition: TfTensor, a: TfTensor, b: TfTensor): TfTensor;
  clipByValue(x: TfTensor, min: number, max: number): TfTensor;
  cast(x: TfTensor, dtype: TfType): TfTensor;
  scalar(value: number, dtype?: TfType): TfTensor;
  fill(shape: number[], value: number, dtype?: TfType): TfTensor;
  range(start: number, stop: number, step?: number, dtype?: "float32" | "int32"): TfTensor;
  readonly sum: Reduction;
  readonly mean: Reduction;
  readonly max: Reduction;
  argMax(x: TfTensor, axis: number): TfTensor;
  cumsum(x: TfTensor, axis: number, exclusive: boolean, reverse: boolean): TfTensor;
  reshape(x: TfTensor, shape: number[]): TfTensor;
  transpose(x: TfTensor, perm: number[]): TfTensor;
  broadcastTo(x: TfTensor, shape: number[]): TfTensor;
  expandDims(x: TfTensor, axis: number): TfTensor;
  concat(xs: TfTensor[], axis: number): TfTensor;
  stack(xs: TfTensor[], axis: number): TfTensor;
  split(x: TfTensor, parts: number, axis: number): TfTensor[];
  slice(x: TfTensor, begin: number[], size: number[]): TfTensor;
  stridedSlice(x: TfTensor, begin: number[], end: number[], strides: number[]): TfTensor;
  pad(x: TfTensor, paddings: Pair[], value?: number): TfTensor;
  reverse(x: TfTensor, axes: number[]): TfTensor;
  gather(x: TfTensor, indices: TfTensor, axis: number): TfTensor;
  scatterND(indices: TfTensor, updates: TfTensor, shape: number[]): TfTensor;
  oneHot(indices: TfTensor, depth: number, on: number, off: number, dtype: TfType): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  /** NHWC input, HWIO filter. */
  conv2d(x: TfTensor, filter: TfTensor, strides: Pair, pad: "valid", format: "NHWC", dilations: Pair): TfTensor;
  topk(x: TfTensor, k: number, sorted: boolean): { values: TfTensor; indices: TfTensor };
}
