/** @file What normalisations share: means and variances a channel, and scaling by channel, in NCHW and in blocks. */
import type { Onnx } from "../rule.js";
import type { Shape } from "../tensor.js";
import { blockedAffine, blockedMean } from "./blocked.js";
import { reduceOnnx } from "./reduce.js";

/** Per-channel sum [C] of NCHW. */
const channelSum = (onnx: Onnx, x: string, shape: Shape, type = "ReduceSum") =>
  reduceOnnx(onnx, [type, "ReduceSum"], x, shape, [0, 2, 3], false);

/** A float scalar. */
export const number = (onnx: Onnx, value: number) => onnx.floats([value], []);

/** Values a channel of [B, C, H, W]. */
export const countOf = ([B, , H, W]: Shape) => B * H * W;

/** Mean [C] over batch and space of `emit`(maps), in blocks where the first map is known so. */
export function channelMeanOf(
  onnx: Onnx,
  maps: readonly string[],
  shape: Shape,
  emit: (maps: readonly string[]) => string = ([map]) => map,
): string {
  if (onnx.isBlocked(maps[0])) return blockedMean(onnx, emit(maps.map((map) => onnx.toBlocked(map))), shape);
  return onnx.op("Div", [channelSum(onnx, emit(maps), shape), number(onnx, countOf(shape))]);
}

/** Batch mean and biased variance, [C] each. Emitted once however many ops ask for them. */
export function statistics(onnx: Onnx, x: string, shape: Shape): { mean: string; variance: string } {
  const mean = channelMeanOf(onnx, [x], shape);
  const squares = onnx.isBlocked(x)
    ? channelMeanOf(onnx, [x], shape, ([map]) => onnx.op("Mul", [map, map]))
    : onnx.op("Div", [channelSum(onnx, x, shape, "ReduceSumSquare"), number(onnx, countOf(shape))]);
  const variance = onnx.op("Sub", [squares, onnx.op("Mul", [mean, mean])]);
  return { mean, variance: onnx.op("Max", [variance, number(onnx, 0)]) }; // rounding may take it below 0
}

/** Means a channel of dy and of dy x. */
export function gradientMeansOf(onnx: Onnx, x: string, dy: string, shape: Shape): { dBeta: string; product: string } {
  const both = ([a, b]: readonly string[]) => onnx.op("Mul", [a, b]);
  if (!onnx.isBlocked(x)) {
    return { dBeta: channelMeanOf(onnx, [dy], shape), product: channelMeanOf(onnx, [dy, x], shape, both) };
  }
  const dBeta = blockedMean(onnx, onnx.toBlocked(dy), shape);
  return { dBeta, product: channelMeanOf(onnx, [x, dy], shape, both) };
}

/** 1 / standard deviation. */
export const rstdOf = (onnx: Onnx, variance: string, epsilon: number) =>
  onnx.op("Reciprocal", [onnx.op("Sqrt", [onnx.op("Add", [variance, number(onnx, epsilon)])])]);

/** scale x + shift, one of each a channel. */
export function affine(onnx: Onnx, x: string, shape: Shape, scale: string, shift: string): string {
  if (onnx.isBlocked(x)) return blockedAffine(onnx, x, shape, { scale, shift });
  const filled = (value: number) => onnx.floats(new Float32Array(shape[1]).fill(value), [shape[1]]);
  return onnx.op("BatchNormalization", [x, scale, shift, filled(0), filled(1)], { epsilon: { float: 0 } });
}

/** scale dy + (slope x + shift), one of each a channel: what backward of batch and group norm comes to. */
export function affineOfTwo(
  onnx: Onnx,
  [x, dy]: readonly string[],
  shape: Shape,
  { scale, slope, shift }: { scale: string; slope: string; shift: string },
): string {
  const rest = affine(onnx, x, shape, slope, shift);
  if (onnx.isBlocked(x)) return blockedAffine(onnx, dy, shape, { scale, plus: rest });
  return onnx.op("Add", [onnx.op("Mul", [dy, onnx.op("Reshape", [scale, onnx.ints([1, shape[1], 1, 1])])]), rest]);
}
