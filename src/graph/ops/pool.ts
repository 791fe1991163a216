/** @file Max and average pooling of NCHW maps with explicit padding. */
import type { PoolAttrs } from "../attrs.js";
import type { OpRules } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfOps, TfTensor } from "../tf.js";
import { shapeError } from "./common.js";
import { convExtent } from "./conv.js";

function poolShape([x]: readonly Tensor[], { kernel, stride, padding }: PoolAttrs): { shape: Shape; dtype: "float32" } {
  const [B, C, H, W] = x.shape;
  const [top, left, bottom, right] = padding;
  const height = convExtent(H, kernel[0], stride[0], 1, top, bottom);
  const width = convExtent(W, kernel[1], stride[1], 1, left, right);
  if (height < 1 || width < 1) throw shapeError("pool", `input [${x.shape}] is smaller than the window [${kernel}]`);
  return { shape: [B, C, height, width], dtype: "float32" };
}

const onnxAttributes = ({ kernel, stride, padding }: PoolAttrs) => ({
  kernel_shape: kernel,
  strides: stride,
  pads: padding,
});
const windowFlops = (node: Tensor<"maxPool2d" | "avgPool2d">) =>
  sizeOf(node.shape) * node.attrs.kernel[0] * node.attrs.kernel[1];

export const poolRules = {
  maxPool2d: {
    shape: poolShape,
    grad: (node, dy, g) => [g.maxPool2dGrad(node.inputs[0], node, dy, node.attrs)],
    onnx: (onnx, [x], { attrs }) => onnx.op("MaxPool", [x], onnxAttributes(attrs)),
    tfjs: ({ tf }, [x], node) =>
      positions(tf, framed(tf, x, node.attrs, Number.NEGATIVE_INFINITY), node.shape, node.attrs).reduce((a, b) =>
        tf.maximum(a, b),
      ),
    flops: windowFlops,
  },
  maxPool2dGrad: {
    shape: ([x]) => ({ shape: x.shape, dtype: "float32" }),
    grad: () => {
      throw new Error("internal: the gradient of max pooling has no gradient of its own");
    },
    // ONNX's Indices count through the whole tensor, so one flat scatter puts every dy where its maximum was
    onnx: (onnx, [x, , dy], { attrs, inputs: [source, pooled] }) => {
      const [, indices] = onnx.ops("MaxPool", [x], 2, onnxAttributes(attrs));
      const flat = (v: string, count: number) => onnx.op("Reshape", [v, onnx.ints([count])]);
      const zeros = onnx.op("Expand", [onnx.floats([0], []), onnx.ints([sizeOf(source.shape)])]);
      const count = sizeOf(pooled.shape);
      const sums = onnx.op("ScatterElements", [zeros, flat(indices, count), flat(dy, count)], {
        axis: 0,
        reduction: "add",
      });
      return onnx.op("Reshape", [sums, onnx.ints(source.shape)]);
    },
    tfjs: ({ tf }, [x, y, dy], node) => tfMaxGrad(tf, x, y, dy, node),
    flops: (node) => sizeOf(node.inputs[1].shape),
  },
  avgPool2d: {
    shape: poolShape,
    grad: ({ inputs: [x], attrs }, dy, g) => [g.avgPool2dGrad(dy, attrs, x.shape)],
    onnx: (onnx, [x], { attrs }) => onnx.op("AveragePool", [x], { ...onnxAttributes(attrs), count_include_pad: 1 }),
    tfjs: ({ tf }, [x], node) => {
      const sum = positions(tf, framed(tf, x, node.attrs, 0), node.shape, node.attrs).reduce((a, b) => tf.add(a, b));
      return tf.mul(sum, tf.scalar(1 / (node.attrs.kernel[0] * node.attrs.kernel[1])));
    },
    flops: windowFlops,
  },
  avgPool2dGrad: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: ({ attrs }, d, g) => [
      g.avgPool2d(d, { kernel: attrs.kernel[0], stride: attrs.stride[0], padding: attrs.padding[0] }),
    ],
    // a transposed depthwise convolution with a constant kernel
    onnx: (onnx, [dy], { attrs, shape, inputs: [upper] }) => {
      const [, C, H, W] = shape;
      const { kernel, stride, padding } = attrs;
      const area = kernel[0] * kernel[1];
      const weight = onnx.op("Expand", [onnx.floats([1 / area], []), onnx.ints([C, 1, ...kernel])]);
      const covered = [0, 1].map((i) => (upper.shape[2 + i] - 1) * stride[i] + kernel[i] - padding[i] - padding[i + 2]);
      const output = { group: C, strides: stride, pads: padding, output_padding: [H - covered[0], W - covered[1]] };
      return onnx.op("ConvTranspose", [dy, weight], output);
    },
    tfjs: ({ tf }, [dy], node) => {
      const share = tf.mul(dy, tf.scalar(1 / (node.attrs.kernel[0] * node.attrs.kernel[1])));
      return spreadSum(
        tf,
        Array.from({ length: node.attrs.kernel[0] * node.attrs.kernel[1] }, () => share),
        node.shape,
        node.attrs,
      );
    },
    flops: (node) => sizeOf(node.inputs[0].shape) * node.attrs.kernel[0] * node.attrs.kernel[1],
  },
} satisfies Partial<OpRules>;

function framed(tf: TfOps, x: TfTensor, { padding, stride }: PoolAttrs, value: number): TfTensor {
  const [top, left, bottom, right] = padding;
  return tf.pad(
    x,
    [
      [0, 0],
      [0, 0],
      [top, bottom + stride[0]],
      [left, right + stride[1]],
    ],
    value,
  );
}

/** What each window position sees: kernel height x width maps of the pooled shape. */
function positions(tf: TfOps, padded: TfTensor, [B, C, h, w]: Shape, { kernel, stride }: PoolAttrs): TfTensor[] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, at) => {
    const [i, j] = [Math.floor(at / kernel[1]), at % kernel[1]];
    return tf.stridedSlice(
      padded,
      [0, 0, i, j],
      [B, C, i + (h - 1) * stride[0] + 1, j + (w - 1) * stride[1] + 1],
      [1, 1, ...stride],
    );
  });
}

/** Adds a map a window position into zeros of the unpooled shape. */
function spreadSum(
  tf: TfOps,
  parts: readonly TfTensor[],
  [B, C, H, W]: Shape,
  { kernel, stride, padding }: PoolAttrs,
): TfTensor {
  const [, , h, w] = parts[0].shape;
  const [height, width] = [h * stride[0], w * stride[1]];
  const sums = parts.map((part, at) => {
    const [i, j] = [Math.floor(at / kernel[1]), at % kernel[1]];
    const cells = tf.pad(tf.reshape(part, [B * C, h, 1, w, 1]), [
      [0, 0],
      [0, 0],
      [0, stride[0] - 1],
      [0, 0],
      [0, stride[1] - 1],
    ]);
    const dense = tf.reshape(cells, [B, C, height, width]);
    return tf.pad(dense, [
      [0, 0],
      [0, 0],
      [i, kernel[0] + H - i],
      [j, kernel[1] + W - j],
    ]);
  });
  const total = sums.reduce((a, b) => tf.add(a, b));
  return tf.slice(total, [0, 0, padding[0], padding[1]], [B, C, H, W]);
}

/** dy goes to the first position of each window that holds the maximum. */
function tfMaxGrad(tf: TfOps, x: TfTensor, y: TfTensor, dy: TfTensor, node: Tensor<"maxPool2dGrad">): TfTensor {
  const seen = positions(tf, framed(tf, x, node.attrs, Number.NEGATIVE_INFINITY), y.shape, node.attrs);
  let free = tf.equal(y, y);
  const parts = seen.map((value) => {
    const hit = tf.logicalAnd(free, tf.equal(value, y));
    free = tf.logicalAnd(free, tf.logicalNot(hit));
    return tf.where(hit, dy, tf.zerosLike(dy));
  });
  return spreadSum(tf, parts, node.shape, node.attrs);
}
