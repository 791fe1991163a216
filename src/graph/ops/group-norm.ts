/**
 * @file Group norm of NCHW (https://arxiv.org/abs/1803.08494). It is a scaling of every channel of every image, whose factors come from small sums;
 * backward is affine in (dy, x) the same way: dx = a dy + b x + c.
 */
import type { Onnx, OpRules, Tf } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfTensor } from "../tf.js";
import { noSecond, perElement, sameAsFirst, shapeError } from "./common.js";
import { affine, affineOfTwo, channelMeanOf, gradientMeansOf, number, rstdOf } from "./statistics.js";

/** [B, C, H, W] as one image of B C channels. */
const flatShape = ([B, C, H, W]: Shape): Shape => [1, B * C, H, W];

function viewed(onnx: Onnx, map: string, shape: Shape): string {
  if (!onnx.isBlocked(map)) return onnx.op("Reshape", [map, onnx.ints(shape)]);
  return onnx.fromBlocked(onnx.op("Reshape", [onnx.toBlocked(map), onnx.ints(shape)]), shape);
}

/** Small tensors around the groups of [B, C, ...]: by channel [B, G, C / G], by group [B, G, 1]. */
function grouping(onnx: Onnx, [B, C]: Shape, groups: number) {
  const reshape = (v: string, shape: Shape) => onnx.op("Reshape", [v, onnx.ints(shape)]);
  return {
    byChannel: (v: string) => reshape(v, [B, groups, C / groups]),
    ofLayer: (v: string) => reshape(v, [1, groups, C / groups]),
    flat: (v: string) => reshape(onnx.op("Expand", [v, onnx.ints([B, groups, C / groups])]), [B * C]),
    groupMean: (v: string) => onnx.op("ReduceMean", [v, onnx.ints([2])], { keepdims: 1 }),
  };
}

/** x as one image, and mean and 1/std of every group, [B, G, 1]. */
function groupStatistics(onnx: Onnx, x: string, shape: Shape, groups: number, epsilon: number) {
  const { byChannel, groupMean } = grouping(onnx, shape, groups);
  const view = viewed(onnx, x, flatShape(shape));
  const mean = groupMean(byChannel(channelMeanOf(onnx, [view], flatShape(shape))));
  const squares = channelMeanOf(onnx, [view], flatShape(shape), ([map]) => onnx.op("Mul", [map, map]));
  const variance = onnx.op("Sub", [groupMean(byChannel(squares)), onnx.op("Mul", [mean, mean])]);
  return { view, mean, rstd: rstdOf(onnx, onnx.op("Max", [variance, number(onnx, 0)]), epsilon) };
}

function groupNormOnnx(onnx: Onnx, [x, gamma, beta]: readonly string[], { shape, attrs }: Tensor<"groupNorm">): string {
  const { ofLayer, flat } = grouping(onnx, shape, attrs.groups);
  const { view, mean, rstd } = groupStatistics(onnx, x, shape, attrs.groups, attrs.epsilon);
  const scale = onnx.op("Mul", [ofLayer(gamma), rstd]);
  const shift = onnx.op("Sub", [ofLayer(beta), onnx.op("Mul", [mean, scale])]);
  return viewed(onnx, affine(onnx, view, flatShape(shape), flat(scale), flat(shift)), shape);
}

/** What both gradients need: the statistics, and means of dy and of dy x over every channel of every image, [B, G, C / G]. */
function gradientParts(onnx: Onnx, x: string, dy: string, shape: Shape, attrs: Tensor<"groupNorm">["attrs"]) {
  const { byChannel } = grouping(onnx, shape, attrs.groups);
  const statistics = groupStatistics(onnx, x, shape, attrs.groups, attrs.epsilon);
  const upper = viewed(onnx, dy, flatShape(shape));
  const { dBeta, product } = gradientMeansOf(onnx, statistics.view, upper, flatShape(shape));
  return { ...statistics, upper, dBeta: byChannel(dBeta), product: byChannel(product) };
}

// dx = rstd (gamma dy - A - xhat rstd (P - mean A)), with A and P the group means of gamma dy and gamma dy x
function inputGradOnnx(onnx: Onnx, [x, gamma, dy]: readonly string[], node: Tensor<"groupNormInputGrad">): string {
  const { shape, attrs } = node;
  const { ofLayer, flat, groupMean } = grouping(onnx, shape, attrs.groups);
  const { view, upper, mean, rstd, dBeta, product } = gradientParts(onnx, x, dy, shape, attrs);
  const weighted = (v: string) => groupMean(onnx.op("Mul", [ofLayer(gamma), v]));
  const mul = (a: string, b: string) => onnx.op("Mul", [a, b]);
  const A = weighted(dBeta);
  const centred = onnx.op("Sub", [weighted(product), mul(mean, A)]);
  const slope = onnx.op("Neg", [mul(mul(mul(rstd, rstd), rstd), centred)]);
  const shift = onnx.op("Neg", [onnx.op("Add", [mul(rstd, A), mul(slope, mean)])]);
  const factors = { scale: flat(mul(ofLayer(gamma), rstd)), slope: flat(slope), shift: flat(shift) };
  return viewed(onnx, affineOfTwo(onnx, [view, upper], flatShape(shape), factors), shape);
}

function paramGradOnnx(onnx: Onnx, [x, dy]: readonly string[], node: Tensor<"groupNormParamGrad">): string {
  const [{ shape }] = node.inputs;
  const { mean, rstd, dBeta, product } = gradientParts(onnx, x, dy, shape, node.attrs);
  const dGamma = onnx.op("Mul", [rstd, onnx.op("Sub", [product, onnx.op("Mul", [mean, dBeta])])]);
  const row = (v: string) => {
    const sum = onnx.op("ReduceSum", [v, onnx.ints([0])], { keepdims: 0 });
    return onnx.op("Reshape", [sum, onnx.ints([1, shape[1]])]);
  };
  const rows = onnx.op("Concat", [row(dGamma), row(dBeta)], { axis: 0 });
  return onnx.op("Mul", [rows, number(onnx, shape[2] * shape[3])]);
}

/** Parts in tfjs: x as [B, G, n], its xhat and 1/std. */
function tfGroups({ tf }: Tf, x: TfTensor, [B]: Shape, { groups, epsilon }: Tensor<"groupNorm">["attrs"]) {
  const rows = tf.reshape(x, [B, groups, -1]);
  const centred = tf.sub(rows, tf.mean(rows, [2], true));
  const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centred), [2], true), tf.scalar(epsilon)));
  return { hat: tf.mul(centred, rstd), rstd };
}

const tfChannels = ({ tf }: Tf, v: TfTensor) => tf.reshape(v, [1, -1, 1, 1]);

export const groupNormRules = {
  groupNorm: {
    shape: ([x, gamma, beta], { groups }) => {
      const fits = x.shape.length === 4 && x.shape[1] % groups === 0;
      if (!fits || [gamma, beta].some(({ shape }) => String(shape) !== String([x.shape[1]])))
        throw shapeError("groupNorm", `[${gamma.shape}] and ${groups} groups do not fit the channels of [${x.shape}]`);
      return { shape: x.shape, dtype: "float32" };
    },
    grad: ({ inputs: [x, gamma], attrs }, dy, g) => {
      const both = g.groupNormParamGrad(x, dy, attrs);
      const row = (i: number) => g.reshape(g.slice(both, [i, 0], [i + 1, x.shape[1]]), [x.shape[1]]);
      return [g.groupNormInputGrad(x, gamma, dy, attrs), row(0), row(1)];
    },
    onnx: groupNormOnnx,
    tfjs: (t, [x, gamma, beta], { attrs, shape }) => {
      const hat = t.tf.reshape(tfGroups(t, x, shape, attrs).hat, [...shape]);
      return t.tf.add(t.tf.mul(hat, tfChannels(t, gamma)), tfChannels(t, beta));
    },
    flops: perElement(6),
  },
  groupNormInputGrad: {
    shape: sameAsFirst,
    grad: noSecond("group norm"),
    onnx: inputGradOnnx,
    tfjs: (t, [x, gamma, dy], { attrs, shape }) => {
      const { tf } = t;
      const { hat, rstd } = tfGroups(t, x, shape, attrs);
      const dh = tf.reshape(tf.mul(dy, tfChannels(t, gamma)), [shape[0], attrs.groups, -1]);
      const projected = tf.mul(hat, tf.mean(tf.mul(dh, hat), [2], true));
      return tf.reshape(tf.mul(rstd, tf.sub(tf.sub(dh, tf.mean(dh, [2], true)), projected)), [...shape]);
    },
    flops: perElement(8),
  },
  groupNormParamGrad: {
    shape: ([x]) => ({ shape: [2, x.shape[1]], dtype: "float32" }),
    grad: noSecond("group norm"),
    onnx: paramGradOnnx,
    tfjs: (t, [x, dy], { attrs, inputs: [{ shape }] }) => {
      const { tf } = t;
      const hat = tf.reshape(tfGroups(t, x, shape, attrs).hat, [...shape]);
      return tf.stack([tf.sum(tf.mul(dy, hat), [0, 2, 3]), tf.sum(dy, [0, 2, 3])], 0);
    },
    flops: (node) => 4 * sizeOf(node.inputs[0].shape),
  },
} satisfies Partial<OpRules>;
