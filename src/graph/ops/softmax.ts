/** @file Softmax and cross entropy. Written out over the channel axis: ONNX Runtime's own softmax transposes NCHW maps. */
import type { Onnx, OpRules, Tf } from "../rule.js";
import type { Shape, Tensor } from "../tensor.js";
import type { TfTensor } from "../tf.js";
import { onnxType, perElement, sameAsFirst, shapeError } from "./common.js";

/** exp(x - max) and its sum along an axis, and the maximum. */
function shifted(onnx: Onnx, x: string, axis: number): { exp: string; sum: string; most: string } {
  const most = onnx.op("ReduceMax", [x, onnx.ints([axis])], { keepdims: 1 });
  const exp = onnx.op("Exp", [onnx.op("Sub", [x, most])]);
  return { exp, most, sum: onnx.op("ReduceSum", [exp, onnx.ints([axis])], { keepdims: 1 }) };
}

const isLast = (shape: Shape, axis: number) => axis === shape.length - 1;

/** 1 where the label is a class, as float [B, 1, H, W]; and the label brought into range. */
function labelParts(onnx: Onnx, labels: string, classes: number): { index: string; valid: string } {
  const wide = onnx.op("Unsqueeze", [labels, onnx.ints([1])]);
  const int = (value: number) => onnx.constant({ data: Int32Array.of(value), shape: [] });
  const inside = onnx.op("And", [onnx.op("GreaterOrEqual", [wide, int(0)]), onnx.op("Less", [wide, int(classes)])]);
  return {
    index: onnx.op("Where", [inside, wide, int(0)]),
    valid: onnx.op("Cast", [inside], { to: onnxType.float32 }),
  };
}

export const softmaxRules = {
  softmax: {
    shape: sameAsFirst,
    // dx = y (dy - sum(dy y))
    grad: (node, dy, g) => [g.mul(node, g.sub(dy, g.sum(g.mul(dy, node), node.attrs.axis, true)))],
    onnx: (onnx, [x], { attrs: { axis }, shape }) => {
      if (isLast(shape, axis)) return onnx.op("Softmax", [x], { axis });
      const { exp, sum } = shifted(onnx, x, axis);
      return onnx.op("Div", [exp, sum]);
    },
    tfjs: ({ tf }, [x], { attrs: { axis } }) => {
      const exp = tf.exp(tf.sub(x, tf.max(x, [axis], true)));
      return tf.div(exp, tf.sum(exp, [axis], true));
    },
    flops: perElement(5),
  },
  logSoftmax: {
    shape: sameAsFirst,
    // dx = dy - softmax(x) sum(dy)
    grad: (node, dy, g) => [g.sub(dy, g.mul(g.exp(node), g.sum(dy, node.attrs.axis, true)))],
    onnx: (onnx, [x], { attrs: { axis }, shape }) => {
      if (isLast(shape, axis)) return onnx.op("LogSoftmax", [x], { axis });
      const { most, sum } = shifted(onnx, x, axis);
      return onnx.op("Sub", [onnx.op("Sub", [x, most]), onnx.op("Log", [sum])]);
    },
    tfjs: ({ tf }, [x], { attrs: { axis } }) => {
      const centred = tf.sub(x, tf.max(x, [axis], true));
      return tf.sub(centred, tf.log(tf.sum(tf.exp(centred), [axis], true)));
    },
    flops: perElement(6),
  },
  crossEntropy: {
    shape: ([logits, labels]) => {
      const [B, , ...space] = logits.shape;
      if (String([B, ...space]) !== String(labels.shape)) {
        throw shapeError("crossEntropy", `logits [${logits.shape}] do not fit labels [${labels.shape}]`);
      }
      return { shape: labels.shape, dtype: "float32" };
    },
    grad: ({ inputs: [logits, labels] }, dy, g) => [g.crossEntropyGrad(logits, labels, dy), undefined],
    // log sum exp(x - max) - (x[label] - max)
    onnx: (onnx, [x, labels], { inputs: [logits] }) => {
      const { most, sum } = shifted(onnx, x, 1);
      const { index, valid } = labelParts(onnx, labels, logits.shape[1]);
      const picked = onnx.op("GatherElements", [x, index], { axis: 1 });
      const loss = onnx.op("Sub", [onnx.op("Log", [sum]), onnx.op("Sub", [picked, most])]);
      return onnx.op("Squeeze", [onnx.op("Mul", [loss, valid]), onnx.ints([1])]);
    },
    tfjs: (t, [x, labels], { inputs }) => {
      const { tf } = t;
      const hot = tfHot(t, labels, inputs);
      const centred = tf.sub(x, tf.max(x, [1], true));
      const log = tf.log(tf.sum(tf.exp(centred), [1]));
      return tf.sub(tf.mul(log, tf.sum(hot, [1])), tf.sum(tf.mul(hot, centred), [1]));
    },
    flops: (node) => 6 * node.inputs[0].shape.reduce((a, b) => a * b, 1),
  },
  crossEntropyGrad: {
    shape: sameAsFirst,
    grad: () => {
      throw new Error("internal: the gradient of cross entropy has no gradient of its own");
    },
    // (softmax - one-hot) dy where the label is a class
    onnx: (onnx, [x, labels, dy], { inputs: [logits] }) => {
      const classes = logits.shape[1];
      const { exp, sum } = shifted(onnx, x, 1);
      const { valid } = labelParts(onnx, labels, classes);
      const scale = onnx.op("Mul", [onnx.op("Unsqueeze", [dy, onnx.ints([1])]), valid]);
      const numbers = onnx.constant({
        data: Int32Array.from({ length: classes }, (_, c) => c),
        shape: [1, classes, 1, 1],
      });
      const hot = onnx.op("Equal", [onnx.op("Unsqueeze", [labels, onnx.ints([1])]), numbers]);
      const spread = onnx.op("Mul", [exp, onnx.op("Div", [scale, sum])]);
      const taken = onnx.op("Mul", [onnx.op("Cast", [hot], { to: onnxType.float32 }), scale]);
      return onnx.op("Sub", [spread, taken]);
    },
    tfjs: (t, [x, labels, dy], { inputs }) => {
      const { tf } = t;
      const hot = tfHot(t, labels, inputs);
      const exp = tf.exp(tf.sub(x, tf.max(x, [1], true)));
      const scale = tf.mul(tf.expandDims(dy, 1), tf.sum(hot, [1], true));
      return tf.mul(tf.sub(tf.div(exp, tf.sum(exp, [1], true)), hot), scale);
    },
    flops: perElement(6),
  },
} satisfies Partial<OpRules>;

/** One-hot labels [B, C, ...] as float, zeros for what is no class. */
function tfHot({ tf }: Tf, labels: TfTensor, [logits]: readonly Tensor[]) {
  const classes = logits.shape[1];
  const column = tf.reshape(tf.range(0, classes, 1, "int32"), [classes, ...logits.shape.slice(2).map(() => 1)]);
  return tf.cast(tf.equal(tf.expandDims(labels, 1), column), "float32");
}
