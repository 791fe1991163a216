/** @file Every op of the graph and its attributes: the closed set that the rule table must cover. */
import type { DType, Shape, Tensor, TensorData } from "./tensor.js";

type None = Record<string, never>;
export interface Reduce {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}
/** Padding is explicit, [top, left, bottom, right], because 'same' differs between frameworks. */
export interface ConvAttrs {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  readonly groups: number;
}
export interface PoolAttrs {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
}
/** nearest: floor(i * in / out); bilinear and bicubic (A = -0.75): half-pixel centres; bilinear-corners: align_corners. */
export type ResizeMode = "nearest" | "bilinear" | "bilinear-corners" | "bicubic";
export interface ResizeAttrs {
  readonly size: readonly [number, number];
  readonly mode: ResizeMode;
}
/** Attention over a grid of height x width tokens. q, k, v: [B, N, heads * headDim]; tables [2S - 1, headDim]. */
export interface RelPosAttrs {
  readonly heads: number;
  readonly height: number;
  readonly width: number;
  readonly scale: number;
}

export interface OpAttrs {
  // leaves
  input: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  param: { readonly name: string; readonly shape: Shape };
  constant: { readonly value: TensorData };
  splat: { readonly value: number; readonly shape: Shape };
  // elementwise, broadcast like NumPy
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  minimum: None;
  pow: { readonly exponent: number };
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  abs: None;
  square: None;
  sign: None;
  relu: None;
  /** (x, dy): dy where x > 0. */
  reluGrad: None;
  sigmoid: None;
  tanh: None;
  erf: None;
  gelu: None;
  /** (x, dy): gradient of the exact GELU. */
  geluGrad: None;
  softplus: None;
  clip: { readonly min: number; readonly max: number };
  greater: None;
  greaterEqual: None;
  equal: None;
  logicalAnd: None;
  logicalNot: None;
  where: None;
  cast: { readonly dtype: DType };
  isFinite: None;
  stopGradient: None;
  // reductions
  sum: Reduce;
  mean: Reduce;
  sumSquares: Reduce;
  max: Reduce;
  argMax: { readonly axis: number };
  cumSum: { readonly axis: number; readonly reverse: boolean };
  // shape
  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  broadcastTo: { readonly shape: Shape };
  concat: { readonly axis: number };
  slice: { readonly starts: readonly number[]; readonly ends: readonly number[] };
  pad: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value: number };
  reverse: { readonly axes: readonly number[] };
  gather: { readonly axis: number };
  /** (x, indices) -> adds rows of x at indices along axis into zeros of extent `size`. */
  scatterAdd: { readonly axis: number; readonly size: number };
  /** (x, indices) of one shape: picks along the last axis, as torch.gather. */
  takeAlong: None;
  /** (x, indices): inverse of takeAlong for a permutation. */
  putAlong: None;
  /** Indices that sort the last axis in descending order, ties in order of position. */
  argSort: None;
  oneHot: { readonly classes: number };
  // linear algebra
  matmul: None;
  conv2d: ConvAttrs;
  /** (dy, w) -> dx of `shape`. */
  conv2dInputGrad: ConvAttrs & { readonly shape: Shape };
  /** (x, dy) -> dw of `shape`. */
  conv2dWeightGrad: ConvAttrs & { readonly shape: Shape };
  /** Nearest x2, then a 3x3 convolution of padding 1. */
  upsampleConv2d: None;
  upsampleConv2dInputGrad: { readonly shape: Shape };
  upsampleConv2dWeightGrad: { readonly shape: Shape };
  // pooling and resizing, NCHW
  maxPool2d: PoolAttrs;
  /** (x, y, dy) -> dx. */
  maxPool2dGrad: PoolAttrs;
  avgPool2d: PoolAttrs;
  avgPool2dGrad: PoolAttrs & { readonly shape: Shape };
  resize: ResizeAttrs;
  resizeGrad: ResizeAttrs & { readonly shape: Shape };
  // normalisation
  /** (x, mean, variance, gamma, beta): per channel of NCHW with given statistics. */
  channelNorm: { readonly epsilon: number };
  /** (x, gamma, beta): batch statistics, biased variance. */
  batchNorm: { readonly epsilon: number };
  /** (x, gamma, dy) -> dx. */
  batchNormInputGrad: { readonly epsilon: number };
  /** (x, dy) -> [2, C]: rows d gamma, d beta. */
  batchNormParamGrad: { readonly epsilon: number };
  channelMean: None;
  /** Biased variance per channel of NCHW. */
  channelVariance: None;
  /** (x, gamma, beta) over the last axis. */
  /** Statistics over the channels of a group and space. */
  groupNorm: { readonly groups: number; readonly epsilon: number };
  groupNormInputGrad: { readonly groups: number; readonly epsilon: number };
  groupNormParamGrad: { readonly groups: number; readonly epsilon: number };
  layerNorm: { readonly epsilon: number };
  layerNormInputGrad: { readonly epsilon: number };
  layerNormParamGrad: { readonly epsilon: number };
  // softmax family and attention
  softmax: { readonly axis: number };
  logSoftmax: { readonly axis: number };
  /** (logits [B, C, H, W], labels int32 [B, H, W]) -> loss a pixel [B, H, W], 0 where the label is no class. */
  crossEntropy: None;
  crossEntropyGrad: None;
  /** (q, k, v) without bias; attrs.heads heads. */
  attention: { readonly heads: number; readonly scale: number };
  /** (q, k, v, rows [B, N, heads, height], columns [B, N, heads, width]): softmax(scale q k^T + rows + columns) v over a grid of keys. */
  gridAttention: RelPosAttrs;
  // control of the schedule
  /** (x, ...after): x, bit for bit, but not before all of `after` exist. */
  barrier: None;
  /** (y, ...inputs, ...params): y; its gradient traces the block again. `count` of the inputs are arguments of `rebuild`. */
  recompute: { readonly rebuild: (inputs: readonly Tensor[]) => Tensor; readonly count: number };
}
export type OpName = keyof OpAttrs;
