/**
 * @file Normalisation: batch norm over channels of NCHW (training and given statistics), layer norm over the last axis.
 * Backward of batch norm is affine in (dy, x) per channel: dx = a dy + b x + c.
 */
import type { Onnx, OpRules, Tf } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfTensor } from "../tf.js";
import { perElement, sameAsFirst, shapeError } from "./common.js";

const perChannel =
  (op: string) =>
  ([x, ...rest]: readonly Tensor[]) => {
    const bad = rest.find((t) => t.shape.length !== 1 || t.shape[0] !== x.shape[1]);
    if (x.shape.length !== 4 || bad)
      throw shapeError(op, `[${bad?.shape}] does not match the channels of [${x.shape}]`);
    return { shape: x.shape, dtype: x.dtype };
  };
const countOf = ([B, , H, W]: Shape) => B * H * W;

/** Per-channel sum [C]; a batch of one is summed as a matrix, which ONNX Runtime does in one pass. */
function channelSum(onnx: Onnx, x: string, [B, C, H, W]: Shape, type = "ReduceSum"): string {
  if (B > 1) return onnx.op(type, [x, onnx.ints([0, 2, 3])], { keepdims: 0 });
  return onnx.op(type, [onnx.op("Reshape", [x, onnx.ints([C, H * W])]), onnx.ints([1])], { keepdims: 0 });
}

const number = (onnx: Onnx, value: number) => onnx.floats([value], []);

/** Batch mean and biased variance, [C] each. Emitted once however many ops ask for them. */
function statistics(onnx: Onnx, x: string, shape: Shape): { mean: string; variance: string } {
  const count = number(onnx, countOf(shape));
  const mean = onnx.op("Div", [channelSum(onnx, x, shape), count]);
  const squares = onnx.op("Div", [channelSum(onnx, x, shape, "ReduceSumSquare"), count]);
  const variance = onnx.op("Sub", [squares, onnx.op("Mul", [mean, mean])]);
  return { mean, variance: onnx.op("Max", [variance, number(onnx, 0)]) }; // rounding may take it below 0
}

/** What both gradients of batch norm need: 1/std, sum of dy, sum of dy * xhat. */
function gradientSums(onnx: Onnx, x: string, dy: string, shape: Shape, epsilon: number) {
  const { mean, variance } = statistics(onnx, x, shape);
  const rstd = onnx.op("Reciprocal", [onnx.op("Sqrt", [onnx.op("Add", [variance, number(onnx, epsilon)])])]);
  const dBeta = channelSum(onnx, dy, shape);
  const product = channelSum(onnx, onnx.op("Mul", [dy, x]), shape);
  const dGamma = onnx.op("Mul", [rstd, onnx.op("Sub", [product, onnx.op("Mul", [mean, dBeta])])]);
  return { mean, rstd, dBeta, dGamma };
}

function batchNormInputGradOnnx(
  onnx: Onnx,
  [x, gamma, dy]: readonly string[],
  node: Tensor<"batchNormInputGrad">,
): string {
  const { shape } = node;
  const { mean, rstd, dBeta, dGamma } = gradientSums(onnx, x, dy, shape, node.attrs.epsilon);
  const share = number(onnx, -1 / countOf(shape));
  const a = onnx.op("Mul", [gamma, rstd]);
  const b = onnx.op("Mul", [onnx.op("Mul", [onnx.op("Mul", [a, rstd]), dGamma]), share]);
  const c = onnx.op("Sub", [onnx.op("Mul", [onnx.op("Mul", [a, dBeta]), share]), onnx.op("Mul", [b, mean])]);
  const zeros = onnx.floats(new Float32Array(shape[1]), [shape[1]]);
  const ones = onnx.floats(new Float32Array(shape[1]).fill(1), [shape[1]]);
  const affine = onnx.op("BatchNormalization", [x, b, c, zeros, ones], { epsilon: { float: 0 } }); // b x + c in one pass
  const scaled = onnx.op("Mul", [dy, onnx.op("Reshape", [a, onnx.ints([1, shape[1], 1, 1])])]);
  return onnx.op("Add", [scaled, affine]);
}

function tfStatistics({ tf }: Tf, x: TfTensor): { mean: TfTensor; variance: TfTensor } {
  const mean = tf.mean(x, [0, 2, 3], true);
  return { mean, variance: tf.mean(tf.square(tf.sub(x, mean)), [0, 2, 3], true) };
}

const tfChannels = ({ tf }: Tf, v: TfTensor) => tf.reshape(v, [1, -1, 1, 1]);
const tfRstd = ({ tf }: Tf, variance: TfTensor, epsilon: number) => tf.rsqrt(tf.add(variance, tf.scalar(epsilon)));

export const normRules = {
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
    onnx: (onnx, [x, mean, variance, gamma, beta], { attrs }) =>
      onnx.op("BatchNormalization", [x, gamma, beta, mean, variance], { epsilon: { float: attrs.epsilon } }),
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
      return onnx.op("BatchNormalization", [x, gamma, beta, mean, variance], { epsilon: { float: attrs.epsilon } });
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
      const { dGamma, dBeta } = gradientSums(onnx, x, dy, inputs[0].shape, attrs.epsilon);
      const row = (v: string) => onnx.op("Reshape", [v, onnx.ints([1, inputs[0].shape[1]])]);
      return onnx.op("Concat", [row(dGamma), row(dBeta)], { axis: 0 });
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
  layerNorm: {
    shape: sameAsFirst,
    grad: ({ inputs: [x, gamma], attrs }, dy, g) => {
      const both = g.layerNormParamGrad(x, dy, attrs.epsilon);
      const row = (i: number) => g.reshape(g.slice(both, [i, 0], [i + 1, gamma.shape[0]]), gamma.shape);
      return [g.layerNormInputGrad(x, gamma, dy, attrs.epsilon), row(0), row(1)];
    },
    onnx: (onnx, [x, gamma, beta], { attrs }) =>
      onnx.op("LayerNormalization", [x, gamma, beta], { axis: -1, epsilon: { float: attrs.epsilon } }),
    tfjs: (t, [x, gamma, beta], { attrs }) => t.tf.add(t.tf.mul(tfHat(t, x, attrs.epsilon).hat, gamma), beta),
    flops: perElement(8),
  },
  layerNormInputGrad: {
    shape: sameAsFirst,
    grad: noSecond("layer norm"),
    // dx = rstd (dh - mean(dh) - xhat mean(dh xhat)), dh = dy gamma
    onnx: (onnx, [x, gamma, dy], { attrs }) => {
      const average = (v: string) => onnx.op("ReduceMean", [v, onnx.ints([-1])], { keepdims: 1 });
      const { hat, rstd } = onnxHat(onnx, x, attrs.epsilon);
      const dh = onnx.op("Mul", [dy, gamma]);
      const projected = onnx.op("Mul", [hat, average(onnx.op("Mul", [dh, hat]))]);
      return onnx.op("Mul", [rstd, onnx.op("Sub", [onnx.op("Sub", [dh, average(dh)]), projected])]);
    },
    tfjs: (t, [x, gamma, dy], { attrs }) => {
      const { tf } = t;
      const { hat, rstd } = tfHat(t, x, attrs.epsilon);
      const dh = tf.mul(dy, gamma);
      const projected = tf.mul(hat, tf.mean(tf.mul(dh, hat), [-1], true));
      return tf.mul(rstd, tf.sub(tf.sub(dh, tf.mean(dh, [-1], true)), projected));
    },
    flops: perElement(12),
  },
  layerNormParamGrad: {
    shape: ([x]) => ({ shape: [2, x.shape[x.shape.length - 1]], dtype: "float32" }),
    grad: noSecond("layer norm"),
    onnx: (onnx, [x, dy], { attrs, inputs, shape }) => {
      const axes = onnx.ints(inputs[0].shape.slice(1).map((_, i) => i));
      const total = (v: string) =>
        onnx.op("Reshape", [onnx.op("ReduceSum", [v, axes], { keepdims: 0 }), onnx.ints([1, shape[1]])]);
      const scaled = onnx.op("Mul", [dy, onnxHat(onnx, x, attrs.epsilon).hat]);
      return onnx.op("Concat", [total(scaled), total(dy)], { axis: 0 });
    },
    tfjs: (t, [x, dy], { attrs, inputs }) => {
      const { tf } = t;
      const axes = inputs[0].shape.slice(1).map((_, i) => i);
      return tf.stack([tf.sum(tf.mul(dy, tfHat(t, x, attrs.epsilon).hat), axes), tf.sum(dy, axes)], 0);
    },
    flops: (node) => 8 * sizeOf(node.inputs[0].shape),
  },
} satisfies Partial<OpRules>;

/** (x - mean) / std over the last axis, and 1 / std. */
function onnxHat(onnx: Onnx, x: string, epsilon: number): { hat: string; rstd: string } {
  const average = (v: string) => onnx.op("ReduceMean", [v, onnx.ints([-1])], { keepdims: 1 });
  const centred = onnx.op("Sub", [x, average(x)]);
  const variance = average(onnx.op("Mul", [centred, centred]));
  const rstd = onnx.op("Reciprocal", [onnx.op("Sqrt", [onnx.op("Add", [variance, number(onnx, epsilon)])])]);
  return { hat: onnx.op("Mul", [centred, rstd]), rstd };
}

function tfHat(t: Tf, x: TfTensor, epsilon: number): { hat: TfTensor; rstd: TfTensor } {
  const { tf } = t;
  const centred = tf.sub(x, tf.mean(x, [-1], true));
  const rstd = tfRstd(t, tf.mean(tf.square(centred), [-1], true), epsilon);
  return { hat: tf.mul(centred, rstd), rstd };
}

function noSecond(what: string): () => never {
  return () => {
    throw new Error(`internal: the gradient of ${what} has no gradient of its own`);
  };
}
