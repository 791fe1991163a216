/** @file Convolutions in blocks (see blocked.ts): which run so, their filters forward and back, and maps in four phases. */
import type { ConvAttrs } from "../attrs.js";
import type { Onnx } from "../rule.js";
import type { Shape } from "../tensor.js";
import { blockedOp, FEWEST_PIXELS } from "./blocked.js";

/** FEWEST_PIXELS of the way back, where plain convolutions need their weights turned over, which takes longer. */
const FEWEST_PIXELS_BACK = 512;

const roundUp = (count: number, block: number) => Math.ceil(count / block) * block;

/** Images of so few channels are read as they are, not in blocks. */
const FEW = 3;

/** Whether a convolution of x [B, Ci, H, W] to [B, Co, h, w] with a weight that is fed runs in blocks. */
export const runsInBlocks = (onnx: Onnx, from: Shape, to: Shape, groups = 1): boolean =>
  groups === 1 && fitsBlocks(onnx, from, to, FEWEST_PIXELS);

/** Whether the gradient of a map of `from` channels runs in blocks to one of `to`. */
export const gradRunsInBlocks = (onnx: Onnx, from: Shape, to: Shape): boolean =>
  from[1] > FEW && fitsBlocks(onnx, from, to, FEWEST_PIXELS_BACK);

function fitsBlocks({ block }: Onnx, [B, from]: Shape, [, to, h, w]: Shape, fewest: number): boolean {
  return block > 0 && (from % 4 === 0 || from <= FEW) && to >= block / 2 && B * h * w >= fewest;
}

/** x [B, Ci, H, W] with filters of `filtersOf` to ys [B, Co, h, w], added to `plus` where there is one. */
export function blockedConv(
  onnx: Onnx,
  x: string,
  filters: string,
  xs: Shape,
  ys: Shape,
  { stride, dilation, padding }: Pick<ConvAttrs, "stride" | "dilation" | "padding">,
  kernel: readonly number[],
  plus?: string,
): string {
  const map = xs[1] <= FEW ? x : onnx.toBlocked(x);
  const inputs = [map, filters, ...(plus === undefined ? [] : ["", onnx.toBlocked(plus)])];
  const attributes = { kernel_shape: kernel, strides: stride, dilations: dilation, pads: padding };
  return onnx.fromBlocked(blockedOp(onnx, "Conv", inputs, attributes), ys);
}

/** A weight [Co, Ci, kh, kw] as filters in blocks; zeros fill the last block. */
export function filtersOf(onnx: Onnx, w: string, [Co, Ci, kh, kw]: Shape): string {
  const { block } = onnx;
  const [to, from] = [roundUp(Co, block), Ci <= FEW ? Ci : roundUp(Ci, block)];
  const whole = filled(onnx, w, [to - Co, from - Ci]);
  const rows = inBlocks(onnx, whole, [1, to, from * kh, kw]);
  if (Ci <= FEW) return onnx.op("Reshape", [rows, onnx.ints([to, from, kh, kw])]);
  const filters = transposed(onnx, rows, [to / block, from / block, block, kh * kw, block], [0, 1, 3, 2, 4]);
  return onnx.op("Reshape", [filters, onnx.ints([to, from, kh, kw])]);
}

/** A weight [Co, Ci, kh, kw] as the filters, in blocks, that take the gradient of its output to its input: turned over, Co to Ci. */
export function backwardFiltersOf(onnx: Onnx, w: string, [Co, Ci, kh, kw]: Shape): string {
  const { block } = onnx;
  const [from, to] = [roundUp(Co, block), roundUp(Ci, block)];
  const whole = filled(onnx, w, [from - Co, to - Ci]);
  const rows = inBlocks(onnx, whole, [from, to, kh, kw]);
  const parts = transposed(onnx, rows, [from / block, block, to / block, kh * kw, block], [2, 0, 3, 1, 4]);
  return onnx.op("Reshape", [
    reversed(onnx, parts, [(to / block) * (from / block), kh * kw, block * block]),
    onnx.ints([to, from, kh, kw]),
  ]);
}

function filled(onnx: Onnx, w: string, [to, from]: readonly number[]): string {
  return to || from ? onnx.op("Pad", [w, onnx.ints([0, 0, 0, 0, to, from, 0, 0])]) : w;
}

/** A value seen as a map of this shape, in blocks: much faster than a transpose that says the same. */
const inBlocks = (onnx: Onnx, value: string, shape: Shape) =>
  blockedOp(onnx, "ReorderInput", [onnx.op("Reshape", [value, onnx.ints(shape)])]);

/** A value seen as [N, taps, M], its taps (the positions of a kernel) in reverse; fast where M is long. */
export function reversed(onnx: Onnx, value: string, shape: readonly [number, number, number]): string {
  const taps = onnx.op("Reshape", [value, onnx.ints(shape)]);
  if (shape[1] === 1) return taps;
  return onnx.op("Slice", [taps, onnx.ints([-1]), onnx.ints([-(2 ** 31)]), onnx.ints([1]), onnx.ints([-1])]);
}

function transposed(onnx: Onnx, w: string, split: readonly number[], perm: readonly number[]): string {
  return onnx.op("Transpose", [onnx.op("Reshape", [w, onnx.ints(split)])], { perm });
}

/** Four maps [B, C, H, W] as the even and odd rows and columns of one [B, C, 2 H, 2 W], in blocks. */
export function joinPhases(onnx: Onnx, parts: readonly string[], [B, C, H, W]: Shape): string {
  const { block } = onnx;
  const pixels = parts.map((part) => onnx.op("Reshape", [onnx.toBlocked(part), onnx.ints([-1, block])]));
  const rows = [0, 2].map((at) => {
    const row = onnx.op("Concat", [pixels[at], pixels[at + 1]], { axis: 1 });
    return onnx.op("Reshape", [row, onnx.ints([-1, W * 2 * block])]);
  });
  const shape = [B, C, 2 * H, 2 * W];
  return onnx.fromBlocked(onnx.op("Reshape", [onnx.op("Concat", rows, { axis: 1 }), onnx.ints(shape)]), shape);
}

/** The way back: the phases [B, C, H, W] of a map [B, C, 2 H, 2 W], in blocks. */
export function splitPhases(onnx: Onnx, map: string, phase: Shape): string[] {
  const [, , , W] = phase;
  const { block } = onnx;
  const halves = (value: string, width: number) =>
    onnx.ops("Split", [onnx.op("Reshape", [value, onnx.ints([-1, 2 * width])]), onnx.ints([width, width])], 2, {
      axis: 1,
    });
  return halves(onnx.toBlocked(map), W * 2 * block)
    .flatMap((row) => halves(row, block))
    .map((part) => onnx.fromBlocked(onnx.op("Reshape", [part, onnx.ints(phase)]), phase));
}
