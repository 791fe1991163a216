/**
 * @file Every op as a function on traced tensors. A plain number stands for a scalar.
 * Shapes follow PyTorch; each function fails with both shapes when they do not fit.
 */
import type { ConvAttrs, OpAttrs, PoolAttrs, RelPosAttrs, ResizeMode } from "./attrs.js";
import { node } from "./node.js";
import { type DType, type Shape, sizeOf, type Tensor, type TensorData } from "./tensor.js";

export type Operand = Tensor | number;
const lift = (x: Operand): Tensor => (typeof x === "number" ? splat(x) : x);
const all = (x: Tensor) => x.shape.map((_, axis) => axis);
const axesOf = (x: Tensor, axes?: number | readonly number[]) =>
  axes === undefined
    ? all(x)
    : (typeof axes === "number" ? [axes] : [...axes]).map((a) => (a < 0 ? a + x.shape.length : a));
const axisOf = (x: Tensor, axis: number) => (axis < 0 ? axis + x.shape.length : axis);

// ---- leaves
export const input = (name: string, shape: Shape, dtype: DType = "float32") =>
  node("input", [], { name, shape, dtype });
export const param = (name: string, shape: Shape) => node("param", [], { name, shape });
export const constant = (value: TensorData) => node("constant", [], { value });
export const splat = (value: number, shape: Shape = []) => node("splat", [], { value, shape });

// ---- elementwise, broadcasting
export const add = (a: Operand, b: Operand) => node("add", [lift(a), lift(b)], {});
export const sub = (a: Operand, b: Operand) => node("sub", [lift(a), lift(b)], {});
export const mul = (a: Operand, b: Operand) => node("mul", [lift(a), lift(b)], {});
export const div = (a: Operand, b: Operand) => node("div", [lift(a), lift(b)], {});
export const maximum = (a: Operand, b: Operand) => node("maximum", [lift(a), lift(b)], {});
export const minimum = (a: Operand, b: Operand) => node("minimum", [lift(a), lift(b)], {});
export const pow = (x: Tensor, exponent: number) => node("pow", [x], { exponent });
export const neg = (x: Tensor) => node("neg", [x], {});
export const exp = (x: Tensor) => node("exp", [x], {});
export const log = (x: Tensor) => node("log", [x], {});
export const sqrt = (x: Tensor) => node("sqrt", [x], {});
export const reciprocal = (x: Tensor) => node("reciprocal", [x], {});
export const abs = (x: Tensor) => node("abs", [x], {});
export const square = (x: Tensor) => node("square", [x], {});
export const sign = (x: Tensor) => node("sign", [x], {});
export const relu = (x: Tensor) => node("relu", [x], {});
export const reluGrad = (x: Tensor, dy: Tensor) => node("reluGrad", [x, dy], {});
export const sigmoid = (x: Tensor) => node("sigmoid", [x], {});
export const tanh = (x: Tensor) => node("tanh", [x], {});
export const erf = (x: Tensor) => node("erf", [x], {});
/** Exact (erf) GELU. */
export const gelu = (x: Tensor) => node("gelu", [x], {});
export const geluGrad = (x: Tensor, dy: Tensor) => node("geluGrad", [x, dy], {});
export const softplus = (x: Tensor) => node("softplus", [x], {});
/** log(sigmoid(x)), stable for large |x|. */
export const logSigmoid = (x: Tensor) => neg(softplus(neg(x)));
export const clip = (x: Tensor, min: number, max: number) => node("clip", [x], { min, max });
export const greater = (a: Operand, b: Operand) => node("greater", [lift(a), lift(b)], {});
export const greaterEqual = (a: Operand, b: Operand) => node("greaterEqual", [lift(a), lift(b)], {});
/** Elementwise equality; a number takes the other operand's type. */
export const equal = (a: Operand, b: Operand) => node("equal", [lift(a), lift(b)], {});
export const logicalAnd = (a: Tensor, b: Tensor) => node("logicalAnd", [a, b], {});
export const logicalNot = (x: Tensor) => node("logicalNot", [x], {});
export const where = (condition: Tensor, a: Operand, b: Operand) => node("where", [condition, lift(a), lift(b)], {});
export const cast = (x: Tensor, dtype: DType) => (x.dtype === dtype ? x : node("cast", [x], { dtype }));
/** bool, elementwise: neither NaN nor infinite. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the op is named like its ONNX and NumPy counterparts, and is used as g.isFinite
export const isFinite = (x: Tensor) => node("isFinite", [x], {});
export const stopGradient = (x: Tensor) => node("stopGradient", [x], {});

// ---- reductions; without axes over everything
type Axes = number | readonly number[];
export const sum = (x: Tensor, axes?: Axes, keepDims = false) => node("sum", [x], { axes: axesOf(x, axes), keepDims });
export const mean = (x: Tensor, axes?: Axes, keepDims = false) =>
  node("mean", [x], { axes: axesOf(x, axes), keepDims });
export const sumSquares = (x: Tensor, axes?: Axes, keepDims = false) =>
  node("sumSquares", [x], { axes: axesOf(x, axes), keepDims });
export const max = (x: Tensor, axes?: Axes, keepDims = false) => node("max", [x], { axes: axesOf(x, axes), keepDims });
/** Index of the largest value along an axis, which is removed; int32; the first of equals. */
export const argMax = (x: Tensor, axis: number) => node("argMax", [x], { axis: axisOf(x, axis) });
export const cumSum = (x: Tensor, axis: number, reverse = false) =>
  node("cumSum", [x], { axis: axisOf(x, axis), reverse });

// ---- shape
/** One extent may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const rest = sizeOf(x.shape) / shape.reduce((product, extent) => (extent < 0 ? product : product * extent), 1);
  return node("reshape", [x], { shape: shape.map((extent) => (extent < 0 ? rest : extent)) });
}
export const transpose = (x: Tensor, perm: readonly number[]) => node("transpose", [x], { perm });
export const broadcastTo = (x: Tensor, shape: Shape) => node("broadcastTo", [x], { shape });
export const concat = (xs: readonly Tensor[], axis: number) => node("concat", xs, { axis: axisOf(xs[0], axis) });
/** x[starts[0]:ends[0], ...] over every axis. */
export const slice = (x: Tensor, starts: readonly number[], ends: readonly number[]) =>
  node("slice", [x], { starts, ends });
/** x[..., from:to, ...] along one axis. */
export function sliceAxis(x: Tensor, axis: number, from: number, to: number): Tensor {
  const at = axisOf(x, axis);
  const starts = x.shape.map((_, i) => (i === at ? from : 0));
  return slice(
    x,
    starts,
    x.shape.map((extent, i) => (i === at ? to : extent)),
  );
}
export const pad = (x: Tensor, before: readonly number[], after: readonly number[], value = 0) =>
  node("pad", [x], { before, after, value });
export const reverse = (x: Tensor, axes: readonly number[]) => node("reverse", [x], { axes });
/** Picks slices along an axis; indices int32 of any shape take the axis' place. */
export const gather = (x: Tensor, indices: Tensor, axis: number) =>
  node("gather", [x, indices], { axis: axisOf(x, axis) });
/** Inverse of gather with 1-D indices: adds slices of x into zeros of extent `size` along the axis. */
export const scatterAdd = (x: Tensor, indices: Tensor, axis: number, size: number) =>
  node("scatterAdd", [x, indices], { axis: axisOf(x, axis), size });
/** torch.gather along the last axis; indices int32 of x's shape. */
export const takeAlong = (x: Tensor, indices: Tensor) => node("takeAlong", [x, indices], {});
export const putAlong = (x: Tensor, indices: Tensor) => node("putAlong", [x, indices], {});
/** int32 indices that sort the last axis in descending order, ties by position (stable). */
export const argSort = (x: Tensor) => node("argSort", [x], {});
/** int32 [B, H, W] -> float32 [B, classes, H, W]; a label that is no class gives zeros. */
export const oneHot = (labels: Tensor, classes: number) => node("oneHot", [labels], { classes });

// ---- linear algebra
/** Matrix product over the last two axes; leading axes broadcast. */
export const matmul = (a: Tensor, b: Tensor) => node("matmul", [a, b], {});
export interface ConvOptions {
  readonly stride?: number | readonly [number, number];
  readonly dilation?: number | readonly [number, number];
  /** One number for all sides, or [top, left, bottom, right]. */
  readonly padding?: number | readonly [number, number, number, number];
  readonly groups?: number;
}
const pair = (v: number | readonly [number, number]): readonly [number, number] => (typeof v === "number" ? [v, v] : v);
const sides = (v: number | readonly [number, number, number, number]): readonly [number, number, number, number] =>
  typeof v === "number" ? [v, v, v, v] : v;
/** Convolution without bias. x: [B, Cin, H, W], w: [Cout, Cin / groups, kh, kw]. */
export function conv2d(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  const { stride = 1, dilation = 1, padding = 0, groups = 1 } = options;
  return node("conv2d", [x, w], { stride: pair(stride), dilation: pair(dilation), padding: sides(padding), groups });
}
export const conv2dInputGrad = (dy: Tensor, w: Tensor, attrs: ConvAttrs, shape: Shape) =>
  node("conv2dInputGrad", [dy, w], { ...attrs, shape });
export const conv2dWeightGrad = (x: Tensor, dy: Tensor, attrs: ConvAttrs, shape: Shape) =>
  node("conv2dWeightGrad", [x, dy], { ...attrs, shape });
/** Transposed convolution (torch.nn.ConvTranspose2d without bias). w: [Cin, Cout, kh, kw]. */
export function convTranspose2d(x: Tensor, w: Tensor, stride: number, padding = 0): Tensor {
  const [batch, , height, width] = x.shape;
  const [, channels, kh, kw] = w.shape;
  const extent = (size: number, kernel: number) => (size - 1) * stride - 2 * padding + kernel;
  const attrs = { stride: pair(stride), dilation: pair(1), padding: sides(padding), groups: 1 };
  return conv2dInputGrad(x, w, attrs, [batch, channels, extent(height, kh), extent(width, kw)]);
}
/** Nearest-neighbour upsampling by 2, then a 3x3 convolution with padding 1, fused. */
export const upsampleConv2d = (x: Tensor, w: Tensor) => node("upsampleConv2d", [x, w], {});
export const upsampleConv2dInputGrad = (dy: Tensor, w: Tensor, shape: Shape) =>
  node("upsampleConv2dInputGrad", [dy, w], { shape });
export const upsampleConv2dWeightGrad = (x: Tensor, dy: Tensor, shape: Shape) =>
  node("upsampleConv2dWeightGrad", [x, dy], { shape });

// ---- pooling and resizing
export interface PoolOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}
const poolAttrs = ({ kernel, stride = kernel, padding = 0 }: PoolOptions): PoolAttrs => ({
  kernel: pair(kernel),
  stride: pair(stride),
  padding: sides(padding),
});
/** Padding is -infinity. */
export const maxPool2d = (x: Tensor, options: PoolOptions) => node("maxPool2d", [x], poolAttrs(options));
/** (x, y, dy) -> dx; the first of equal maxima takes the gradient. */
export const maxPool2dGrad = (x: Tensor, y: Tensor, dy: Tensor, attrs: PoolAttrs) =>
  node("maxPool2dGrad", [x, y, dy], attrs);
/** Padding counts in the divisor, as torch does by default. */
export const avgPool2d = (x: Tensor, options: PoolOptions) => node("avgPool2d", [x], poolAttrs(options));
export const avgPool2dGrad = (dy: Tensor, attrs: PoolAttrs, shape: Shape) =>
  node("avgPool2dGrad", [dy], { ...attrs, shape });
/** Resizes NCHW to size [H, W] without antialiasing, as torch.nn.functional.interpolate. */
export const resize = (x: Tensor, size: readonly [number, number], mode: ResizeMode) =>
  node("resize", [x], { size, mode });
export const resizeGrad = (dy: Tensor, size: readonly [number, number], mode: ResizeMode, shape: Shape) =>
  node("resizeGrad", [dy], { size, mode, shape });

// ---- normalisation
export const channelNorm = (x: Tensor, m: Tensor, v: Tensor, gamma: Tensor, beta: Tensor, epsilon: number) =>
  node("channelNorm", [x, m, v, gamma, beta], { epsilon });
/** Batch norm with the batch's own statistics (training). */
export const batchNorm = (x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number) =>
  node("batchNorm", [x, gamma, beta], { epsilon });
export const batchNormInputGrad = (x: Tensor, gamma: Tensor, dy: Tensor, epsilon: number) =>
  node("batchNormInputGrad", [x, gamma, dy], { epsilon });
export const batchNormParamGrad = (x: Tensor, dy: Tensor, epsilon: number) =>
  node("batchNormParamGrad", [x, dy], { epsilon });
/** [C] means of NCHW over batch and space. */
export const channelMean = (x: Tensor) => node("channelMean", [x], {});
/** [C] biased variances of NCHW over batch and space. */
export const channelVariance = (x: Tensor) => node("channelVariance", [x], {});
/** Statistics over the channels of a group and space, of every image. x: [B, C, H, W]; gamma and beta: [C]. */
export const groupNorm = (x: Tensor, gamma: Tensor, beta: Tensor, attrs: OpAttrs["groupNorm"]) =>
  node("groupNorm", [x, gamma, beta], attrs);
export const groupNormInputGrad = (x: Tensor, gamma: Tensor, dy: Tensor, attrs: OpAttrs["groupNorm"]) =>
  node("groupNormInputGrad", [x, gamma, dy], attrs);
export const groupNormParamGrad = (x: Tensor, dy: Tensor, attrs: OpAttrs["groupNorm"]) =>
  node("groupNormParamGrad", [x, dy], attrs);
/** Over the last axis. */
export const layerNorm = (x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number) =>
  node("layerNorm", [x, gamma, beta], { epsilon });
export const layerNormInputGrad = (x: Tensor, gamma: Tensor, dy: Tensor, epsilon: number) =>
  node("layerNormInputGrad", [x, gamma, dy], { epsilon });
/** [2, C]: rows d gamma and d beta. */
export const layerNormParamGrad = (x: Tensor, dy: Tensor, epsilon: number) =>
  node("layerNormParamGrad", [x, dy], { epsilon });

// ---- softmax and attention
export const softmax = (x: Tensor, axis: number) => node("softmax", [x], { axis: axisOf(x, axis) });
export const logSoftmax = (x: Tensor, axis: number) => node("logSoftmax", [x], { axis: axisOf(x, axis) });
/** Loss a pixel [B, H, W] of logits [B, C, H, W] against int32 labels; 0 where the label is no class (IGNORE). */
export const crossEntropy = (logits: Tensor, labels: Tensor) => node("crossEntropy", [logits, labels], {});
export const crossEntropyGrad = (logits: Tensor, labels: Tensor, dy: Tensor) =>
  node("crossEntropyGrad", [logits, labels, dy], {});
/** softmax(scale q k^T) v over heads packed in the last axis. q, k, v: [B, N, C]. */
export const attention = (q: Tensor, k: Tensor, v: Tensor, attrs: OpAttrs["attention"]) =>
  node("attention", [q, k, v], attrs);
/** The same over the tokens of a grid, row by row, with a bias a query for rows [B, N, heads, height] and columns [B, N, heads, width] of keys. */
export const gridAttention = (q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor, attrs: RelPosAttrs) =>
  node("gridAttention", [q, k, v, rows, columns], attrs);
/**
 * SAM's attention with decomposed relative positions: logits scale q k^T + q relH + q relW, the bias from the unscaled q. Tables: [2 height - 1,
 * headDim] and [2 width - 1, headDim]. Source: segment_anything/modeling/image_encoder.py, add_decomposed_rel_pos.
 */
export function relPosAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  relH: Tensor,
  relW: Tensor,
  attrs: RelPosAttrs,
): Tensor {
  const { heads, height, width } = attrs;
  const [B, N, C] = q.shape;
  const D = C / heads;
  const rows = matmul(reshape(q, [B, height, width * heads, D]), tableByOffset(relH, height)); // [B, H, W heads, H]
  const columns = matmul(reshape(q, [B * height, width, heads, D]), tableByOffset(relW, width)); // [BH, W, heads, W]
  const perToken = (x: Tensor, extent: number) => reshape(x, [B, N, heads, extent]);
  return gridAttention(q, k, v, perToken(rows, height), perToken(columns, width), attrs);
}

/** Rows of the table for every (query, key) offset, transposed for a product: [S, D, S]. */
function tableByOffset(table: Tensor, extent: number): Tensor {
  const offsets = Int32Array.from(
    { length: extent * extent },
    (_, i) => Math.floor(i / extent) - (i % extent) + extent - 1,
  );
  const picked = gather(table, constant({ data: offsets, shape: [extent, extent] }), 0); // [query, key, D]
  return transpose(picked, [0, 2, 1]);
}

// ---- schedule
/** x, bit for bit, but not before all of `after` (float32) exist: keeps a repeated block from being merged or run early. */
export const barrier = (x: Tensor, ...after: Tensor[]) => node("barrier", [x, ...after], {});
