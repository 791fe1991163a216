/** @file Convolution and its two gradients. x: [B, Cin, H, W], w: [Cout, Cin / groups, kh, kw]. The input gradient is also the transposed convolution. */
import type { ConvAttrs } from "../attrs.js";
import type { Onnx, OpRules } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfOps, TfTensor } from "../tf.js";
import { backwardFiltersOf, blockedConv, filtersOf, gradRunsInBlocks, reversed, runsInBlocks } from "./blocked-conv.js";
import { shapeError } from "./common.js";
import { weightGradOnnx } from "./conv-weight-grad.js";

/** Extent of the result along one axis. */
export const convExtent = (
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  before: number,
  after: number,
) => Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;

function convShape(x: Shape, w: Shape, { stride, dilation, padding, groups }: ConvAttrs): Shape {
  if (x.length !== 4 || w.length !== 4 || x[1] !== w[1] * groups || w[0] % groups) {
    throw shapeError("conv2d", `input [${x}] does not fit weight [${w}] with ${groups} group(s)`);
  }
  const [top, left, bottom, right] = padding;
  const height = convExtent(x[2], w[2], stride[0], dilation[0], top, bottom);
  const width = convExtent(x[3], w[3], stride[1], dilation[1], left, right);
  if (height < 1 || width < 1) throw shapeError("conv2d", `input [${x}] is smaller than the kernel [${w}]`);
  return [x[0], w[0], height, width];
}

const multiplyAdds = (out: Shape, w: Shape) => 2 * sizeOf(out) * w[1] * w[2] * w[3];

export const convRules = {
  conv2d: {
    shape: ([x, w], attrs) => ({ shape: convShape(x.shape, w.shape, attrs), dtype: "float32" }),
    grad: ({ inputs: [x, w], attrs }, dy, g) => [
      g.conv2dInputGrad(dy, w, attrs, x.shape),
      g.conv2dWeightGrad(x, dy, attrs, w.shape),
    ],
    onnx: convOnnx,
    tfjs: ({ tf }, [x, w], { attrs }) => tfConv(tf, x, w, attrs),
    flops: (node) => multiplyAdds(node.shape, node.inputs[1].shape),
  },
  conv2dInputGrad: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    // linear in both: as a transposed convolution its own gradients are a convolution and a weight gradient
    grad: ({ inputs: [dy, w], attrs }, d, g) => [g.conv2d(d, w, attrs), g.conv2dWeightGrad(d, dy, attrs, w.shape)],
    onnx: inputGradOnnx,
    tfjs: ({ tf }, [dy, w], node) => tfInputGrad(tf, dy, w, node),
    flops: (node) => multiplyAdds(node.inputs[0].shape, node.inputs[1].shape),
  },
  conv2dWeightGrad: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: ({ inputs: [x, dy], attrs }, d, g) => [g.conv2dInputGrad(dy, d, attrs, x.shape), g.conv2d(x, d, attrs)],
    onnx: (onnx, [x, dy], node) => weightGradOnnx(onnx, x, dy, node.inputs[0].shape, node.inputs[1].shape, node.attrs),
    tfjs: ({ tf }, [x, dy], node) => tfWeightGrad(tf, x, dy, node),
    flops: (node) => multiplyAdds(node.inputs[1].shape, node.shape),
  },
} satisfies Partial<OpRules>;

const onnxAttributes = ({ stride, dilation, padding, groups }: ConvAttrs) => ({
  strides: stride,
  dilations: dilation,
  pads: padding,
  group: groups,
});

function convOnnx(onnx: Onnx, [x, w]: readonly string[], { attrs, inputs, shape }: Tensor<"conv2d">): string {
  const [{ shape: xs }, weight] = inputs;
  if (onnx.isConstant(weight) || !runsInBlocks(onnx, xs, shape, attrs.groups)) {
    return onnx.op("Conv", [x, w], onnxAttributes(attrs));
  }
  return blockedConv(onnx, x, filtersOf(onnx, w, weight.shape), xs, shape, attrs, weight.shape.slice(2));
}

/** [O, I, kh, kw] -> [I, O, kh, kw] with both kernel axes reversed. */
export function flipKernel(onnx: Onnx, w: string, [O, I, kh, kw]: Shape): string {
  const turned = reversed(onnx, w, [O * I, kh * kw, 1]);
  return onnx.op("Transpose", [onnx.op("Reshape", [turned, onnx.ints([O, I, kh, kw])])], { perm: [1, 0, 2, 3] });
}

function inputGradOnnx(onnx: Onnx, [dy, w]: readonly string[], node: Tensor<"conv2dInputGrad">): string {
  const { stride, dilation, padding, groups } = node.attrs;
  const [, , kh, kw] = node.inputs[1].shape;
  const reach = [dilation[0] * (kh - 1), dilation[1] * (kw - 1)];
  const pads = padding.map((p, i) => reach[i % 2] - p) as [number, number, number, number];
  const plain = groups === 1 && stride[0] === 1 && stride[1] === 1 && pads.every((p) => p >= 0);
  if (plain) return unitStrideInputGrad(onnx, dy, w, node, pads);
  const [, , h, width] = node.inputs[0].shape;
  const covered = [(h - 1) * stride[0] + reach[0] + 1, (width - 1) * stride[1] + reach[1] + 1];
  const missing = [0, 1].map((i) => node.shape[2 + i] - (covered[i] - padding[i] - padding[i + 2]));
  return onnx.op("ConvTranspose", [dy, w], { ...onnxAttributes(node.attrs), output_padding: missing });
}

/** Where the stride is 1 the gradient of the input is a convolution with the weight turned over. */
function unitStrideInputGrad(
  onnx: Onnx,
  dy: string,
  w: string,
  { attrs: { dilation }, inputs: [upper, weight], shape }: Tensor<"conv2dInputGrad">,
  padding: ConvAttrs["padding"],
): string {
  if (onnx.isConstant(weight) || !gradRunsInBlocks(onnx, upper.shape, shape)) {
    return onnx.op("Conv", [dy, flipKernel(onnx, w, weight.shape)], { pads: padding, dilations: dilation });
  }
  const attrs = { stride: [1, 1], dilation, padding } as const;
  const filters = backwardFiltersOf(onnx, w, weight.shape);
  return blockedConv(onnx, dy, filters, upper.shape, shape, attrs, weight.shape.slice(2));
}

/** tfjs runs NHWC with HWIO weights on its CPU backend. */
const toNhwc = (tf: TfOps, x: TfTensor) => tf.transpose(x, [0, 2, 3, 1]);
const toNchw = (tf: TfOps, x: TfTensor) => tf.transpose(x, [0, 3, 1, 2]);

function tfConv(tf: TfOps, x: TfTensor, w: TfTensor, attrs: ConvAttrs): TfTensor {
  const { groups, padding } = attrs;
  const [top, left, bottom, right] = padding;
  const padded = tf.pad(toNhwc(tf, x), [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
  const one = (input: TfTensor, weight: TfTensor) => tfDense(tf, input, tf.transpose(weight, [2, 3, 1, 0]), attrs);
  if (groups === 1) return toNchw(tf, one(padded, w));
  const inputs = tf.split(padded, groups, 3);
  const weights = tf.split(w, groups, 0);
  return toNchw(
    tf,
    tf.concat(
      inputs.map((input, i) => one(input, weights[i])),
      3,
    ),
  );
}

/** One group, padded, NHWC. tfjs refuses a stride beside a dilation: then the dense result is thinned out. */
function tfDense(tf: TfOps, x: TfTensor, w: TfTensor, { stride, dilation }: ConvAttrs): TfTensor {
  const both = Math.max(...stride) > 1 && Math.max(...dilation) > 1;
  const y = tf.conv2d(x, w, both ? [1, 1] : [...stride], "valid", "NHWC", [...dilation]);
  return both ? tf.stridedSlice(y, [0, 0, 0, 0], [...y.shape], [1, ...stride, 1]) : y;
}

/** dx by spreading dy with zeros and convolving with the flipped kernel: valid for every stride, dilation and group. */
function tfInputGrad(tf: TfOps, dy: TfTensor, w: TfTensor, node: Tensor<"conv2dInputGrad">): TfTensor {
  const { stride, dilation, padding, groups, shape } = node.attrs;
  const [, , kh, kw] = node.inputs[1].shape;
  const [, , h, width] = node.inputs[0].shape;
  const spread = spreadOut(tf, dy, node.inputs[0].shape, stride);
  const [rows, columns] = [(h - 1) * stride[0] + 1, (width - 1) * stride[1] + 1];
  const reach = [dilation[0] * (kh - 1), dilation[1] * (kw - 1)];
  const before = [reach[0] - padding[0], reach[1] - padding[1]];
  const after = [shape[2] + reach[0] - rows - before[0], shape[3] + reach[1] - columns - before[1]];
  const framed = frame(tf, spread, before, after);
  const flipped = tf.split(tf.reverse(w, [2, 3]), groups, 0).map((part) => tf.transpose(part, [1, 0, 2, 3]));
  const weight = groups === 1 ? flipped[0] : tf.concat(flipped, 0);
  return tfConv(tf, framed, weight, { stride: [1, 1], dilation, padding: [0, 0, 0, 0], groups });
}

/** Zeros between elements: [B, C, h, w] -> [B, C, (h-1) s + 1, (w-1) s + 1]. */
function spreadOut(tf: TfOps, x: TfTensor, [B, C, h, w]: Shape, stride: readonly [number, number]): TfTensor {
  if (stride[0] === 1 && stride[1] === 1) return x;
  const cells = tf.pad(tf.reshape(x, [B * C, h, 1, w, 1]), [
    [0, 0],
    [0, 0],
    [0, stride[0] - 1],
    [0, 0],
    [0, stride[1] - 1],
  ]);
  const dense = tf.reshape(cells, [B, C, h * stride[0], w * stride[1]]);
  return tf.slice(dense, [0, 0, 0, 0], [B, C, (h - 1) * stride[0] + 1, (w - 1) * stride[1] + 1]);
}

/** Pads by positive and cuts by negative numbers, on the last two axes. */
function frame(tf: TfOps, x: TfTensor, before: number[], after: number[]): TfTensor {
  const padded = tf.pad(x, [
    [0, 0],
    [0, 0],
    ...[0, 1].map((i): [number, number] => [Math.max(before[i], 0), Math.max(after[i], 0)]),
  ]);
  const [B, C, H, W] = padded.shape;
  const cut = [Math.max(-before[0], 0), Math.max(-before[1], 0)];
  const extent = [H - cut[0] - Math.max(-after[0], 0), W - cut[1] - Math.max(-after[1], 0)];
  return tf.slice(padded, [0, 0, ...cut], [B, C, ...extent]);
}

/** One product a kernel position over strided slices of the padded input. */
function tfWeightGrad(tf: TfOps, x: TfTensor, dy: TfTensor, node: Tensor<"conv2dWeightGrad">): TfTensor {
  const { stride, dilation, padding, groups } = node.attrs;
  const [Co, Ci, kh, kw] = node.shape;
  const [B, , h, w] = node.inputs[1].shape;
  const [top, left, bottom, right] = padding;
  const padded = tf.pad(x, [
    [0, 0],
    [0, 0],
    [top, bottom + stride[0]],
    [left, right + stride[1]],
  ]);
  const upper = tf.reshape(dy, [B * groups, Co / groups, h * w]);
  const parts: TfTensor[] = [];
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const [y0, x0] = [i * dilation[0], j * dilation[1]];
      const begin = [0, 0, y0, x0];
      const end = [B, Ci * groups, y0 + (h - 1) * stride[0] + 1, x0 + (w - 1) * stride[1] + 1];
      const picked = tf.stridedSlice(padded, begin, end, [1, 1, ...stride]);
      const product = tf.matMul(upper, tf.reshape(picked, [B * groups, Ci, h * w]), false, true);
      parts.push(tf.reshape(tf.sum(tf.reshape(product, [B, groups, Co / groups, Ci]), [0]), [Co, Ci]));
    }
  }
  return tf.reshape(tf.transpose(tf.stack(parts, 0), [1, 2, 0]), [Co, Ci, kh, kw]);
}
