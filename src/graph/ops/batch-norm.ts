/**
 * @file Batch norm over channels of NCHW, in training and with given statistics.
 * Backward of batch norm is affine in (dy, x) per channel: dx = a dy + b x + c.
 */
import type { Onnx, OpRules, Tf } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfTensor } from "../tf.js";
import { noSecond, perElement, sameAsFirst, shapeError } from "./common.js";
import { affine, affineOfTwo, countOf, gradientMeansOf, number, rstdOf, statistics } from "./statistics.js";

const perChannel =
  (op: string) =>
  ([x, ...rest]: readonly Tensor[]) => {
    const bad = rest.find((t) => t.shape.length !== 1 || t.shape[0] !== x.shape[1]);
    if (x.shape.length !== 4 || bad)
      throw shapeError(op, `[${bad?.shape}] does not match the channels of [${x.shape}]`);
    return { shape: x.shape, dtype: x.dtype };
  };

/** gamma (x - mean) / std + beta. */
function normalised(
  onnx: Onnx,
  [x, mean, variance, gamma, beta]: readonly string[],
  shape: Shape,
  epsilon: number,
): string {
  if (!onnx.isBlocked(x)) {
    return onnx.op("BatchNormalization", [x, gamma, beta, mean, variance], { epsilon: { float: epsilon } });
  }
  const scale = onnx.op("Mul", [gamma, rstdOf(onnx, variance, epsilon)]);
  const shift = onnx.op("Sub", [beta, onnx.op("Mul", [mean, scale])]);
  return affine(onnx, x, shape, scale, shift);
}

/** What both gradients of batch norm need: 1/std, and the means of dy and dy * xhat. */
function gradientMeans(onnx: Onnx, x: string, dy: string, shape: Shape, epsilon: number) {
  const { mean, variance } = statistics(onnx, x, shape);
  const rstd = rstdOf(onnx, variance, epsilon);
  const { dBeta, product } = gradientMeansOf(onnx, x, dy, shape);
  const dGamma = onnx.op("Mul", [rstd, onnx.op("Sub", [product, onnx.op("Mul", [mean, dBeta])])]);
  return { mean, rstd, dBeta, dGamma };
}

function batchNormInputGradOnnx(
  onnx: Onnx,
  [x, gamma, dy]: readonly string[],
  node: Tensor<"batchNormInputGrad">,
): string {
  const { shape } = node;
  const { mean, rstd, dBeta, dGamma } = gradientMeans(onnx, x, dy, shape, node.attrs.epsilon);
  const a = onnx.op("Mul", [gamma, rstd]);
  const b = onnx.op("Neg", [onnx.op("Mul", [onnx.op("Mul", [a, rstd]), dGamma])]);
  const c = onnx.op("Neg", [onnx.op("Add", [onnx.op("Mul", [a, dBeta]), onnx.op("Mul", [b, mean])])]);
  return affineOfTwo(onnx, [x, dy], shape, { scale: a, slope: b, shift: c });
}

function tfStatistics({ tf }: Tf, x: TfTensor): { mean: TfTensor; variance: TfTensor } {
  const mean = tf.mean(x, [0, 2, 3], true);
  return { mean, variance: tf.mean(tf.square(tf.sub(x, mean)), [0, 2, 3], true) };
}

const tfChannels = ({ tf }: Tf, v: TfTensor) => tf.reshape(v, [1, -1, 1, 1]);
const tfRstd = ({ tf }: Tf, variance: TfTensor, epsilon: number) => tf.rsqrt(tf.add(variance, tf.scalar(epsilon)));

export const batchNormRules = {
  channelNorm: {
    shape: perChannel("channelNorm"),
    grad: (node, dy, g) => {
      const [x, mean, variance, gamma] = node.inputs;
      const wide = (v: Tensor) => g.reshape(v, [1, x.shape[1], 1, 1]);
      const rstd = g.reciprocal(g.sqrt(g.add(variance, node.attrs.epsilon)));
      const dx = g.mul(dy, wide(g.mul(gamma, rstd)));
      const dBeta = g.sum(dy, [0, 2, 3]);
      const dGamma = g.mul(rstd, g.sub(g.sum(g.mul(dy, x), [0, 2, 3]), g.mul(mean, dBeta)));
      // statistics are given numbers, not functions of what is trained
      return [dx, undefined, undefined, dGamma, dBeta];
    },
    onnx: (onnx, inputs, { attrs, shape }) => normalised(onnx, inputs, shape, attrs.epsilon),
    tfjs: (t, [x, mean, variance, gamma, beta], { attrs }) => {
      const scale = t.tf.mul(tfChannels(t, gamma), tfRstd(t, tfChannels(t, variance), attrs.epsilon));
      return t.tf.add(t.tf.mul(t.tf.sub(x, tfChannels(t, mean)), scale), tfChannels(t, beta));
    },
    flops: perElement(2),
  },
  batchNorm: {
    shape: perChannel("batchNorm"),
    grad: ({ inputs: [x, gamma], attrs }, dy, g) => {
      const both = g.batchNormParamGrad(x, dy, attrs.epsilon);
      const row = (i: number) => g.reshape(g.slice(both, [i, 0], [i + 1, x.shape[1]]), [x.shape[1]]);
      return [g.batchNormInputGrad(x, gamma, dy, attrs.epsilon), row(0), row(1)];
    },
    onnx: (onnx, [x, gamma, beta], { attrs, shape }) => {
      const { mean, variance } = statistics(onnx, x, shape);
      return normalised(onnx, [x, mean, variance, gamma, beta], shape, attrs.epsilon);
    },
    tfjs: (t, [x, gamma, beta], { attrs }) => {
      const { mean, variance } = tfStatistics(t, x);
      const scale = t.tf.mul(tfChannels(t, gamma), tfRstd(t, variance, attrs.epsilon));
      return t.tf.add(t.tf.mul(t.tf.sub(x, mean), scale), tfChannels(t, beta));
    },
    flops: perElement(6),
  },
  batchNormInputGrad: {
    shape: sameAsFirst,
    grad: noSecond("batch norm"),
    onnx: batchNormInputGradOnnx,
    tfjs: (t, [x, gamma, dy], { attrs }) => {
      const { tf } = t;
      const { mean, variance } = tfStatistics(t, x);
      const rstd = tfRstd(t, variance, attrs.epsilon);
      const hat = tf.mul(tf.sub(x, mean), rstd);
      const average = (v: TfTensor) => tf.mean(v, [0, 2, 3], true);
      const inner = tf.sub(tf.sub(dy, average(dy)), tf.mul(hat, average(tf.mul(dy, hat))));
      return tf.mul(tf.mul(tfChannels(t, gamma), rstd), inner);
    },
    flops: perElement(8),
  },
  batchNormParamGrad: {
    shape: ([x]) => ({ shape: [2, x.shape[1]], dtype: "float32" }),
    grad: noSecond("batch norm"),
    onnx: (onnx, [x, dy], { attrs, inputs }) => {
      const [{ shape }] = inputs;
      const { dGamma, dBeta } = gradientMeans(onnx, x, dy, shape, attrs.epsilon);
      const row = (v: string) => onnx.op("Reshape", [v, onnx.ints([1, shape[1]])]);
      const rows = onnx.op("Concat", [row(dGamma), row(dBeta)], { axis: 0 });
      return onnx.op("Mul", [rows, number(onnx, countOf(shape))]);
    },
    tfjs: (t, [x, dy], { attrs }) => {
      const { tf } = t;
      const { mean, variance } = tfStatistics(t, x);
      const hat = tf.mul(tf.sub(x, mean), tfRstd(t, variance, attrs.epsilon));
      return tf.stack([tf.sum(tf.mul(dy, hat), [0, 2, 3]), tf.sum(dy, [0, 2, 3])], 0);
    },
    flops: (node) => 4 * sizeOf(node.inputs[0].shape),
  },
  channelMean: {
    shape: ([x]) => ({ shape: [x.shape[1]], dtype: "float32" }),
    grad: ({ inputs: [x] }, dy, g) => [
      g.broadcastTo(g.reshape(g.mul(dy, 1 / countOf(x.shape)), [1, x.shape[1], 1, 1]), x.shape),
    ],
    onnx: (onnx, [x], { inputs }) => statistics(onnx, x, inputs[0].shape).mean,
    tfjs: ({ tf }, [x]) => tf.mean(x, [0, 2, 3]),
    flops: (node) => sizeOf(node.inputs[0].shape),
  },
  channelVariance: {
    shape: ([x]) => ({ shape: [x.shape[1]], dtype: "float32" }),
    // d var / dx = 2 (x - mean) / n
    grad: ({ inputs: [x] }, dy, g) => {
      const wide = (v: Tensor) => g.reshape(v, [1, x.shape[1], 1, 1]);
      return [g.mul(g.sub(x, wide(g.channelMean(x))), wide(g.mul(dy, 2 / countOf(x.shape))))];
    },
    onnx: (onnx, [x], { inputs }) => statistics(onnx, x, inputs[0].shape).variance,
    tfjs: (t, [x], { shape }) => t.tf.reshape(tfStatistics(t, x).variance, [...shape]),
    flops: (node) => 2 * sizeOf(node.inputs[0].shape),
  },
} satisfies Partial<OpRules>;
