/**
 * @file The layout of ONNX Runtime's own CPU convolutions (domain com.microsoft.nchwc): channels in blocks of 16 (8 without AVX-512), a block's
 * channels side by side for every pixel. The runtime uses it by itself only where weights are constants; in training they are inputs, so the
 * lowerings write it out. Maps stay in it from convolution to convolution. Source: microsoft/onnxruntime, onnxruntime/core/mlas/lib/snchwc.cpp.
 */
import type { Onnx, OnnxAttribute } from "../rule.js";
import type { Shape } from "../tensor.js";

export const BLOCKED_DOMAIN = "com.microsoft.nchwc";

/** Below this many pixels a weight costs more to bring into blocks than the faster product saves. */
export const FEWEST_PIXELS = 4096;

/** A node of the layout's own domain. */
export const blockedOp = (
  onnx: Onnx,
  type: string,
  inputs: readonly string[],
  attributes: Record<string, OnnxAttribute> = {},
) => onnx.op(type, inputs, attributes, BLOCKED_DOMAIN);

/** A map [B, C, H, W] as [B, H, W, C]: through blocks where it is in them or large, which is faster than a transpose. */
export function channelsLast(onnx: Onnx, x: string, [B, channels, H, W]: Shape): string {
  const last = channelsLastOf(onnx, x);
  if (last !== undefined) return last;
  const pays = onnx.block > 0 && channels % 4 === 0 && B * H * W >= FEWEST_PIXELS;
  if (!pays && !onnx.isBlocked(x)) return onnx.op("Transpose", [x], { perm: [0, 2, 3, 1] });
  return blockedOp(onnx, "ReorderOutput", [onnx.toBlocked(x)], { channels, channels_last: 1 });
}

/** A map in NCHW: where it was turned to that, through blocks, which is twice as fast and done for the convolutions around it anyway. */
export function channelsFirst(onnx: Onnx, map: string, [B, channels, H, W]: Shape): string {
  const pays = onnx.block > 0 && channels % onnx.block === 0 && B * H * W >= FEWEST_PIXELS;
  if (!pays || channelsLastOf(onnx, map) === undefined) return map;
  return blockedOp(onnx, "ReorderOutput", [onnx.toBlocked(map)], { channels });
}

/** What a map was with its channels last, where it was turned from that. */
export function channelsLastOf(onnx: Onnx, map: string): string | undefined {
  const origin = onnx.origin(map);
  const isTurned = origin?.type === "Transpose" && String(origin.attributes.perm) === "0,3,1,2";
  return isTurned ? origin.inputs[0] : undefined;
}

/** scale x + shift, one of each a channel, and what `plus` holds, in blocks. */
export function blockedAffine(
  onnx: Onnx,
  x: string,
  shape: Shape,
  { scale, shift, plus }: { scale: string; shift?: string; plus?: string },
): string {
  const channels = shape[1];
  const weight = onnx.op("Reshape", [scale, onnx.ints([channels, 1, 1, 1])]);
  const inputs = [onnx.toBlocked(x), weight, shift ?? "", ...(plus === undefined ? [] : [onnx.toBlocked(plus)])];
  const attributes = { group: channels, kernel_shape: [1, 1] };
  return onnx.fromBlocked(blockedOp(onnx, "Conv", inputs, attributes), shape);
}

/** The larger of x and 0: with a scaling of channels before it one pass. */
export function reluOnnx(onnx: Onnx, x: string, shape: Shape): string {
  const origin = onnx.isBlocked(x) ? onnx.origin(onnx.toBlocked(x)) : undefined;
  const isAffine = origin?.domain === BLOCKED_DOMAIN && origin.attributes.group === shape[1] && shape[1] > 1;
  if (!origin || !isAffine) return elementwise(onnx, [x], [shape], ([map]) => onnx.op("Relu", [map]));
  return onnx.fromBlocked(
    blockedOp(onnx, origin.type, origin.inputs, { ...origin.attributes, activation: "Relu" }),
    shape,
  );
}

/** Mean [C] of a blocked value over batch and space: along rows first, so that no sum grows long. */
export function blockedMean(onnx: Onnx, blocked: string, [B, C, H, W]: Shape): string {
  const { block } = onnx;
  const average = (value: string, shape: Shape) =>
    blockedOp(onnx, "GlobalAveragePool", [onnx.op("Reshape", [value, onnx.ints(shape)])]);
  const rows = average(blocked, [(B * C * H) / block, block, 1, W]);
  const maps = onnx.op("Reshape", [average(rows, [(B * C) / block, block, H, 1]), onnx.ints([B, C])]);
  return onnx.op("ReduceMean", [maps, onnx.ints([0])], { keepdims: 0 });
}

/** An elementwise op on maps of one shape: in blocks where one of them is known so. */
export function elementwise(
  onnx: Onnx,
  maps: readonly string[],
  shapes: readonly Shape[],
  emit: (maps: readonly string[]) => string,
): string {
  const [shape] = shapes;
  const alike = shapes.every((other) => String(other) === String(shape));
  if (!alike || !maps.some((map) => onnx.isBlocked(map))) return emit(maps);
  return onnx.fromBlocked(emit(maps.map((map) => onnx.toBlocked(map))), shape);
}
