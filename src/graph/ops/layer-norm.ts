/** @file Layer norm over the last axis. */
import type { Onnx, OpRules, Tf } from "../rule.js";
import { sizeOf, type Tensor } from "../tensor.js";
import type { TfTensor } from "../tf.js";
import { noSecond, perElement, sameAsFirst } from "./common.js";

export const layerNormRules = {
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
    // dx = rstd (dh - mean(dh) - xhat mean(dh xhat)), dh = dy gamma; the means are products with gamma
    onnx: (onnx, [x, gamma, dy], { attrs, inputs: [input] }) => {
      const { hat, rstd } = onnxHat(onnx, x, attrs.epsilon, input);
      const width = input.shape[input.shape.length - 1];
      const share = onnx.op("Mul", [onnx.op("Reshape", [gamma, onnx.ints([width, 1])]), onnx.floats([1 / width], [])]);
      const projected = onnx.op("Mul", [hat, onnx.op("MatMul", [onnx.op("Mul", [dy, hat]), share])]);
      const centred = onnx.op("Sub", [onnx.op("Mul", [dy, gamma]), onnx.op("MatMul", [dy, share])]);
      return onnx.op("Mul", [rstd, onnx.op("Sub", [centred, projected])]);
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
      const scaled = onnx.op("Mul", [dy, onnxHat(onnx, x, attrs.epsilon, inputs[0]).hat]);
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
function onnxHat(onnx: Onnx, x: string, epsilon: number, { shape }: Tensor): { hat: string; rstd: string } {
  const width = shape[shape.length - 1];
  const ones = onnx.floats(new Float32Array(width).fill(1), [width]);
  const [hat, , rstd] = onnx.ops("LayerNormalization", [x, ones], 3, { axis: -1, epsilon: { float: epsilon } });
  return { hat, rstd };
}

function tfHat(t: Tf, x: TfTensor, epsilon: number): { hat: TfTensor; rstd: TfTensor } {
  const { tf } = t;
  const centred = tf.sub(x, tf.mean(x, [-1], true));
  const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centred), [-1], true), tf.scalar(epsilon)));
  return { hat: tf.mul(centred, rstd), rstd };
}
