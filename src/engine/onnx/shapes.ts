/** @file Shapes and element sizes of the ONNX nodes the lowering emits: what memory prediction needs to know of them. */
import type { OnnxAttribute, OnnxNode } from "../../graph/rule.js";
import { type Shape, sizeOf } from "../../graph/tensor.js";

/** A node of the lowered graph. */
export interface EmittedNode extends OnnxNode {
  readonly outputs: readonly string[];
}

/** What is known of a value: its shape and the bytes of an element. */
export interface ValueInfo {
  readonly shape: Shape;
  readonly bytes: number;
}

/** Bytes a value takes. */
export const bytesOfValue = ({ shape, bytes }: ValueInfo): number => sizeOf(shape) * bytes;

/** Numbers of an int64 constant by name. */
export type Ints = (name: string) => readonly number[] | undefined;

/** What rules know of the graph a node is in. */
export interface Surroundings {
  readonly infos: ReadonlyMap<string, ValueInfo>;
  readonly ints: Ints;
  /** Channels a block of the convolution layout. */
  readonly block: number;
}

interface Site {
  readonly node: EmittedNode;
  readonly block: number;
  readonly inputs: readonly ValueInfo[];
  /** Numbers of input `index`. */
  readonly ints: (index: number) => readonly number[] | undefined;
}

/** What each output of a node is. */
export function infoOf(node: EmittedNode, { infos, ints, block }: Surroundings): ValueInfo[] {
  const inputs = node.inputs.map((name) => infos.get(name) ?? NOTHING);
  const site: Site = { node, block, inputs, ints: (index) => ints(node.inputs[index] ?? "") };
  const shapes = (RULES[node.type] ?? alike)(site);
  const sizes = ELEMENT_BYTES[node.type]?.(site) ?? [inputs[0].bytes];
  return node.outputs.map((_, i) => ({ shape: shapes[i] ?? shapes[0], bytes: sizes[i] ?? sizes[0] }));
}

const NOTHING: ValueInfo = { shape: [], bytes: 0 };

type Rule = (site: Site) => readonly Shape[];

const numbers = (node: OnnxNode, name: string, fallback: readonly number[]): readonly number[] =>
  (node.attributes[name] as readonly number[] | undefined) ?? fallback;
const number = (node: OnnxNode, name: string, fallback: number): number =>
  (node.attributes[name] as number | undefined) ?? fallback;
const positive = (axis: number, { length }: Shape) => (axis < 0 ? axis + length : axis);

const alike: Rule = ({ inputs }) => [inputs[0].shape];

const broadcast: Rule = ({ inputs }) => {
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  const extent = (axis: number) => Math.max(...inputs.map(({ shape }) => shape[axis - rank + shape.length] ?? 1));
  return [Array.from({ length: rank }, (_, axis) => extent(axis))];
};

/** A target that the data decide (a barrier's) has the extents of the input. */
const reshape: Rule = ({ inputs: [{ shape }], ints }) => {
  const target = ints(1);
  if (!target) return [shape];
  const known = target.map((extent, i) => (extent === 0 ? shape[i] : extent));
  const rest = sizeOf(shape) / sizeOf(known.filter((extent) => extent > 0));
  return [known.map((extent) => (extent < 0 ? rest : extent))];
};

const reduce: Rule = ({ node, inputs: [{ shape }], ints }) => {
  const axes = (ints(1) ?? (node.type === "ArgMax" ? [number(node, "axis", 0)] : [])).map((a) => positive(a, shape));
  const isGone = (axis: number) => axes.length === 0 || axes.includes(axis);
  const one = number(node, "keepdims", 1) ? [1] : [];
  return [shape.flatMap((extent, axis) => (isGone(axis) ? one : [extent]))];
};

const matmul: Rule = ({ node, inputs }) => {
  const turned = ({ shape }: ValueInfo, flag: string) =>
    number(node, flag, 0) ? [...shape.slice(0, -2), ...shape.slice(-2).reverse()] : shape;
  const [a, b] = [turned(inputs[0], "transA"), turned(inputs[1], "transB")];
  const batch = a.length >= b.length ? a : b;
  return [[...batch.slice(0, -2), a[a.length - 2], b[b.length - 1]]];
};

const channels = ({ node, inputs }: Site) => {
  if (node.type === "Conv") return inputs[1].shape[0];
  return node.type === "ConvTranspose" ? inputs[1].shape[1] * number(node, "group", 1) : inputs[0].shape[1];
};

/** Convolutions and pools: [B, C, H, W] -> [B, Co, h, w]. */
const windowed: Rule = (site) => {
  const { node, inputs } = site;
  const [B, , ...sides] = inputs[0].shape;
  const kernel = numbers(node, "kernel_shape", inputs[1]?.shape.slice(2) ?? [1, 1]);
  const [strides, dilations] = [numbers(node, "strides", [1, 1]), numbers(node, "dilations", [1, 1])];
  const [pads, extra] = [numbers(node, "pads", [0, 0, 0, 0]), numbers(node, "output_padding", [0, 0])];
  const extent = (side: number, i: number) => {
    const [reach, padding] = [dilations[i] * (kernel[i] - 1) + 1, pads[i] + pads[i + 2]];
    if (node.type === "ConvTranspose") return (side - 1) * strides[i] + reach - padding + extra[i];
    return Math.floor((side + padding - reach) / strides[i]) + 1;
  };
  return [[B, channels(site), ...sides.map(extent)]];
};

const slice: Rule = ({ inputs: [{ shape }], ints }) => {
  const [starts, ends] = [ints(1), ints(2)];
  if (!starts || !ends) return [shape];
  const [axes, steps] = [ints(3) ?? starts.map((_, i) => i), ints(4) ?? starts.map(() => 1)];
  const out = [...shape];
  axes.forEach((axis, i) => {
    const at = positive(axis, shape);
    const clip = (value: number) => {
      const low = steps[i] < 0 ? -1 : 0;
      return Math.min(Math.max(value < 0 ? value + shape[at] : value, low), shape[at] + low);
    };
    out[at] = Math.max(0, Math.ceil((clip(ends[i]) - clip(starts[i])) / steps[i]));
  });
  return [out];
};

const split: Rule = ({ node, inputs: [{ shape }], ints }) => {
  const axis = positive(number(node, "axis", 0), shape);
  return (ints(1) ?? node.outputs.map(() => shape[axis] / node.outputs.length)).map((part) => shape.with(axis, part));
};

const concat: Rule = ({ node, inputs }) => {
  const axis = positive(number(node, "axis", 0), inputs[0].shape);
  return [
    inputs[0].shape.with(
      axis,
      inputs.reduce((sum, { shape }) => sum + shape[axis], 0),
    ),
  ];
};

const blockSteps: Rule = ({ node, inputs: [{ shape }] }) => {
  const [[B, C, H, W], step] = [shape, number(node, "blocksize", 1)];
  return node.type === "DepthToSpace"
    ? [[B, C / step ** 2, H * step, W * step]]
    : [[B, C * step ** 2, H / step, W / step]];
};

const fromBlocks: Rule = ({ node, inputs: [{ shape }] }) => {
  const [B, , H, W] = shape;
  const C = number(node, "channels", 0);
  return [number(node, "channels_last", 0) ? [B, H, W, C] : [B, C, H, W]];
};

const toBlocks: Rule = ({ node, block, inputs: [{ shape }] }) => {
  const [B, C, H, W] = number(node, "channels_last", 0) ? [shape[0], shape[3], shape[1], shape[2]] : shape;
  return [[B, Math.ceil(C / block) * block, H, W]];
};

/** Of ops whose result has not the first input's shape. */
const RULES: Readonly<Record<string, Rule | undefined>> = {
  ...Object.fromEntries(
    ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Pow", "Where", "And", "Or"].map((type) => [type, broadcast]),
  ),
  ...Object.fromEntries(["Equal", "Less", "Greater", "GreaterOrEqual", "LessOrEqual"].map((type) => [type, broadcast])),
  ...Object.fromEntries(
    ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceSumSquare", "ArgMax"].map((type) => [type, reduce]),
  ),
  ...Object.fromEntries(["MatMul", "FusedMatMul", "MatMulIntegerToFloat", "Gemm"].map((type) => [type, matmul])),
  ...Object.fromEntries(["Conv", "ConvTranspose", "AveragePool", "MaxPool"].map((type) => [type, windowed])),
  ...{
    Reshape: reshape,
    Slice: slice,
    Split: split,
    Concat: concat,
    SpaceToDepth: blockSteps,
    DepthToSpace: blockSteps,
  },
  ...{ ReorderOutput: fromBlocks, ReorderInput: toBlocks },
  GlobalAveragePool: ({ inputs: [{ shape }] }) => [[shape[0], shape[1], 1, 1]],
  Transpose: ({ node, inputs: [{ shape }] }) => [numbers(node, "perm", []).map((axis) => shape[axis])],
  Expand: (site) => {
    const [x] = site.inputs;
    return broadcast({ ...site, inputs: [x, { ...x, shape: site.ints(1) ?? x.shape }] });
  },
  Unsqueeze: ({ inputs: [{ shape }], ints }) => {
    const axes = ints(1) ?? [];
    const rank = shape.length + axes.length;
    const rest = [...shape];
    const isNew = (axis: number) => axes.some((a) => (a < 0 ? a + rank : a) === axis);
    return [Array.from({ length: rank }, (_, axis) => (isNew(axis) ? 1 : (rest.shift() as number)))];
  },
  Squeeze: ({ inputs: [{ shape }], ints }) => {
    const axes = ints(1)?.map((axis) => positive(axis, shape));
    return [shape.filter((extent, axis) => (axes ? !axes.includes(axis) : extent !== 1))];
  },
  Pad: ({ inputs: [{ shape }], ints }) => {
    const pads = ints(1) ?? [];
    return [shape.map((extent, i) => extent + (pads[i] ?? 0) + (pads[i + shape.length] ?? 0))];
  },
  Gather: ({ node, inputs: [{ shape }, indices] }) => {
    const axis = positive(number(node, "axis", 0), shape);
    return [[...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)]];
  },
  GatherElements: ({ inputs }) => [inputs[1].shape],
  Resize: ({ inputs: [{ shape }], ints }) => [ints(3) ?? shape],
  TopK: ({ node, inputs: [{ shape }], ints }) => [
    shape.with(positive(number(node, "axis", -1), shape), ints(1)?.[0] ?? 1),
  ],
  MultiHeadAttention: ({ inputs: [q, , v] }) => [[q.shape[0], q.shape[1], v.shape[2]]],
  DynamicQuantizeLinear: ({ inputs: [{ shape }] }) => [shape, [], []],
};

/** Bytes of an element by ONNX's number of its type: float 1, uint8 2, int8 3, int32 6, int64 7, bool 9, float16 10. */
export const typeBytes = (type: OnnxAttribute): number => ({ 2: 1, 3: 1, 7: 8, 9: 1, 10: 2 })[type as number] ?? 4;

type Sizes = (site: Site) => readonly number[];
const truth: Sizes = () => [1];

/** Of ops whose result has not the first input's type. */
const ELEMENT_BYTES: Readonly<Record<string, Sizes | undefined>> = {
  ...{ Equal: truth, Less: truth, Greater: truth, GreaterOrEqual: truth, LessOrEqual: truth, And: truth, Or: truth },
  Cast: ({ node }) => [typeBytes(node.attributes.to)],
  Where: ({ inputs }) => [inputs[1].bytes],
  ArgMax: () => [8],
  MaxPool: ({ inputs }) => [inputs[0].bytes, 8],
  TopK: ({ inputs }) => [inputs[0].bytes, 8],
  DynamicQuantizeLinear: () => [1, 4, 1],
  MatMulIntegerToFloat: () => [4],
};
