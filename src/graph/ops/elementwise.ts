/** @file Elementwise ops with NumPy broadcasting; gradients carry their formula. */
import type { OpAttrs, OpName } from "../attrs.js";
import type { GraphOps, Onnx, OpRule, OpRules } from "../rule.js";
import type { DType, Tensor } from "../tensor.js";
import type { TfOps, TfTensor } from "../tf.js";
import { elementwise, reluOnnx } from "./blocked.js";
import { blockedMlp } from "./blocked-mlp.js";
import { broadcastShapes, noGrad, onnxType, perElement, sameAsFirst, tfType, unbroadcast } from "./common.js";
import { int8Biased } from "./matmul.js";

type Plain = { [K in OpName]: OpAttrs[K] extends Record<string, never> ? K : never }[OpName];
type TfUnary = { [K in keyof TfOps]: TfOps[K] extends (x: TfTensor) => TfTensor ? K : never }[keyof TfOps];
type TfBinary = {
  [K in keyof TfOps]: TfOps[K] extends (a: TfTensor, b: TfTensor) => TfTensor ? K : never;
}[keyof TfOps];

/** One input, one ONNX op, one tfjs op; `derivative` gives d input. */
function unary<K extends Plain>(
  type: string,
  tfName: TfUnary,
  derivative: (g: GraphOps, x: Tensor, y: Tensor, dy: Tensor) => Tensor,
): OpRule<K> {
  return {
    shape: sameAsFirst,
    grad: (node, dy, g) => [derivative(g, node.inputs[0], node, dy)],
    onnx: (onnx, maps, { shape }) => elementwise(onnx, maps, [shape], ([x]) => onnx.op(type, [x])),
    tfjs: ({ tf }, [x]) => tf[tfName](x),
    flops: perElement(1),
  };
}

/** Two broadcast inputs; `derivative` gives both cotangents before the sum over broadcast axes. */
function binary<K extends Plain>(
  op: K,
  type: string,
  tfName: TfBinary,
  derivative: (g: GraphOps, a: Tensor, b: Tensor, y: Tensor, dy: Tensor) => [Tensor, Tensor],
): OpRule<K> {
  return {
    shape: ([a, b]) => ({ shape: broadcastShapes(op, a.shape, b.shape), dtype: a.dtype }),
    grad: (node, dy, g) => {
      const [a, b] = node.inputs;
      const [da, db] = derivative(g, a, b, node, dy);
      return [unbroadcast(g, da, a.shape), unbroadcast(g, db, b.shape)];
    },
    onnx: (onnx, maps, { inputs: [a, b] }) =>
      elementwise(onnx, maps, [a.shape, b.shape], ([x, y]) => onnx.op(type, [x, y])),
    tfjs: ({ tf }, [a, b]) => tf[tfName](a, b),
    flops: perElement(1),
  };
}

/** A comparison or logical op: bool result, no gradient. Numbers are cast to the other side's type. */
function comparison<K extends Plain>(op: K, type: string, tfName: TfBinary): OpRule<K> {
  return {
    shape: ([a, b]) => ({ shape: broadcastShapes(op, a.shape, b.shape), dtype: "bool" }),
    grad: noGrad,
    onnx: (onnx, inputs, node) => onnx.op(type, alike(onnx, inputs, node.inputs)),
    tfjs: ({ tf }, [a, b]) => tf[tfName](a, b),
    flops: perElement(1),
  };
}

/** ONNX compares equal types only: a float scalar against integers is cast to them. */
function alike(onnx: Onnx, names: readonly string[], [a, b]: readonly Tensor[]): string[] {
  if (a.dtype === b.dtype) return [...names];
  const target: DType = a.op === "splat" ? b.dtype : a.dtype;
  return [a, b].map((x, i) => (x.dtype === target ? names[i] : onnx.op("Cast", [names[i]], { to: onnxType[target] })));
}

const ADD = binary("add", "Add", "add", (_g, _a, _b, _y, dy) => [dy, dy]);
const GELU_SLOPE = 1 / Math.sqrt(2 * Math.PI);

export const elementwiseRules = {
  add: {
    ...ADD,
    onnx: (onnx, names, node) => int8Biased(onnx, names, node) ?? blockedMlp(onnx, node) ?? ADD.onnx(onnx, names, node),
  },
  sub: binary("sub", "Sub", "sub", (g, _a, _b, _y, dy) => [dy, g.neg(dy)]),
  mul: binary("mul", "Mul", "mul", (g, a, b, _y, dy) => [g.mul(dy, b), g.mul(dy, a)]),
  // d(a/b)/db = -y/b
  div: binary("div", "Div", "div", (g, _a, b, y, dy) => [g.div(dy, b), g.neg(g.div(g.mul(dy, y), b))]),
  // ties share the gradient, as in torch
  maximum: binary("maximum", "Max", "maximum", (g, a, b, _y, dy) => split(g, a, b, dy)),
  minimum: binary("minimum", "Min", "minimum", (g, a, b, _y, dy) => split(g, b, a, dy)),
  pow: {
    shape: sameAsFirst,
    grad: (node, dy, g) => {
      const { exponent } = node.attrs;
      return [g.mul(dy, g.mul(g.pow(node.inputs[0], exponent - 1), exponent))];
    },
    onnx: (onnx, [x], node) => onnx.op("Pow", [x, onnx.floats([node.attrs.exponent], [])]),
    tfjs: ({ tf }, [x], node) => tf.pow(x, tf.scalar(node.attrs.exponent)),
    flops: perElement(1),
  },
  neg: unary("Neg", "neg", (g, _x, _y, dy) => g.neg(dy)),
  exp: unary("Exp", "exp", (g, _x, y, dy) => g.mul(dy, y)),
  log: unary("Log", "log", (g, x, _y, dy) => g.div(dy, x)),
  sqrt: unary("Sqrt", "sqrt", (g, _x, y, dy) => g.div(g.mul(dy, 0.5), y)),
  // d(1/x) = -dx / x^2
  reciprocal: unary("Reciprocal", "reciprocal", (g, _x, y, dy) => g.neg(g.mul(dy, g.square(y)))),
  abs: unary("Abs", "abs", (g, x, _y, dy) => g.mul(dy, g.sign(x))),
  square: {
    ...unary<"square">("Mul", "square", (g, x, _y, dy) => g.mul(dy, g.mul(x, 2))),
    onnx: (onnx, [x]) => onnx.op("Mul", [x, x]),
  },
  sign: { ...unary<"sign">("Sign", "sign", (g, x) => g.splat(0, x.shape)), grad: noGrad },
  relu: {
    ...unary<"relu">("Relu", "relu", (g, _x, y, dy) => g.reluGrad(y, dy)), // y > 0 exactly where x > 0: x need not be kept
    onnx: (onnx, [x], { shape }) => reluOnnx(onnx, x, shape),
  },
  reluGrad: {
    shape: ([x]) => ({ shape: x.shape, dtype: "float32" }),
    grad: (node, dy, g) => [undefined, g.reluGrad(node.inputs[0], dy)],
    onnx: (onnx, maps, { inputs }) =>
      elementwise(
        onnx,
        maps,
        inputs.map(({ shape }) => shape),
        ([x, dy]) => onnx.op("Mul", [dy, positive(onnx, x)]),
      ),
    tfjs: ({ tf }, [x, dy]) => tf.where(tf.greater(x, tf.scalar(0)), dy, tf.zerosLike(dy)),
    flops: perElement(2),
  },
  sigmoid: unary("Sigmoid", "sigmoid", (g, _x, y, dy) => g.mul(dy, g.mul(y, g.sub(1, y)))),
  tanh: unary("Tanh", "tanh", (g, _x, y, dy) => g.mul(dy, g.sub(1, g.square(y)))),
  // d erf(x) = 2/sqrt(pi) exp(-x^2)
  erf: unary("Erf", "erf", (g, x, _y, dy) => g.mul(dy, g.mul(g.exp(g.neg(g.square(x))), 2 / Math.sqrt(Math.PI)))),
  gelu: {
    shape: sameAsFirst,
    grad: (node, dy, g) => [g.geluGrad(node.inputs[0], dy)],
    onnx: (onnx, [x]) => onnx.op("Gelu", [x], {}, "com.microsoft"),
    tfjs: ({ tf }, [x]) =>
      tf.mul(tf.mul(x, tf.scalar(0.5)), tf.add(tf.erf(tf.mul(x, tf.scalar(Math.SQRT1_2))), tf.scalar(1))),
    flops: perElement(8),
  },
  geluGrad: {
    shape: ([x]) => ({ shape: x.shape, dtype: "float32" }),
    // dx = dy (Phi(x) + x phi(x)); its own derivative: dy (2 phi(x) - x^2 phi(x))
    grad: (node, dy, g) => {
      const [x, upper] = node.inputs;
      const phi = g.mul(g.exp(g.mul(g.square(x), -0.5)), GELU_SLOPE);
      return [g.mul(g.mul(dy, upper), g.mul(phi, g.sub(2, g.square(x)))), g.geluGrad(x, dy)];
    },
    onnx: geluGradOnnx,
    tfjs: ({ tf }, [x, dy]) => {
      const half = tf.scalar(0.5);
      const cdf = tf.mul(tf.add(tf.erf(tf.mul(x, tf.scalar(Math.SQRT1_2))), tf.scalar(1)), half);
      const pdf = tf.mul(tf.exp(tf.neg(tf.mul(tf.square(x), half))), tf.scalar(GELU_SLOPE));
      return tf.mul(dy, tf.add(cdf, tf.mul(x, pdf)));
    },
    flops: perElement(12),
  },
  softplus: unary("Softplus", "softplus", (g, x, _y, dy) => g.mul(dy, g.sigmoid(x))),
  clip: {
    shape: sameAsFirst,
    // torch's clamp passes the gradient at the limits too
    grad: (node, dy, g) => {
      const [x] = node.inputs;
      const inside = g.logicalAnd(g.greaterEqual(x, node.attrs.min), g.greaterEqual(node.attrs.max, x));
      return [g.where(inside, dy, 0)];
    },
    onnx: (onnx, [x], { attrs }) => onnx.op("Clip", [x, onnx.floats([attrs.min], []), onnx.floats([attrs.max], [])]),
    tfjs: ({ tf }, [x], { attrs }) => tf.clipByValue(x, attrs.min, attrs.max),
    flops: perElement(2),
  },
  greater: comparison("greater", "Greater", "greater"),
  greaterEqual: comparison("greaterEqual", "GreaterOrEqual", "greaterEqual"),
  equal: comparison("equal", "Equal", "equal"),
  logicalAnd: comparison("logicalAnd", "And", "logicalAnd"),
  logicalNot: { ...unary<"logicalNot">("Not", "logicalNot", (_g, _x, _y, dy) => dy), grad: noGrad },
  where: {
    shape: ([c, a, b]) => ({
      shape: broadcastShapes("where", c.shape, broadcastShapes("where", a.shape, b.shape)),
      dtype: a.dtype,
    }),
    grad: (node, dy, g) => {
      const [c, a, b] = node.inputs;
      return [undefined, unbroadcast(g, g.where(c, dy, 0), a.shape), unbroadcast(g, g.where(c, 0, dy), b.shape)];
    },
    onnx: (onnx, [c, a, b]) => onnx.op("Where", [c, a, b]),
    tfjs: ({ tf }, [c, a, b], { shape }) =>
      tf.where(tf.broadcastTo(c, [...shape]), tf.broadcastTo(a, [...shape]), tf.broadcastTo(b, [...shape])),
    flops: perElement(1),
  },
  cast: {
    shape: ([x], { dtype }) => ({ shape: x.shape, dtype }),
    grad: (node, dy) => [node.dtype === "float32" && node.inputs[0].dtype === "float32" ? dy : undefined],
    onnx: (onnx, [x], { attrs }) => onnx.op("Cast", [x], { to: onnxType[attrs.dtype] }),
    tfjs: ({ tf }, [x], { attrs }) => tf.cast(x, tfType[attrs.dtype]),
    flops: perElement(1),
  },
  isFinite: {
    shape: ([x]) => ({ shape: x.shape, dtype: "bool" }),
    grad: noGrad,
    // x - x is 0 for finite values and NaN otherwise
    onnx: (onnx, [x]) => onnx.op("Equal", [onnx.op("Sub", [x, x]), onnx.floats([0], [])]),
    tfjs: ({ tf }, [x]) => tf.isFinite(x),
    flops: perElement(2),
  },
  stopGradient: {
    shape: sameAsFirst,
    grad: noGrad,
    onnx: (_onnx, [x]) => x,
    tfjs: (_tf, [x]) => x,
    flops: () => 0,
  },
} satisfies Partial<OpRules>;

/** Cotangents of max(a, b): to the larger one, half each where they are equal. */
function split(g: GraphOps, a: Tensor, b: Tensor, dy: Tensor): [Tensor, Tensor] {
  const share = (x: Tensor, y: Tensor) => g.where(g.equal(x, y), g.mul(dy, 0.5), g.where(g.greater(x, y), dy, 0));
  return [share(a, b), share(b, a)];
}

/** 1 where x > 0, 0 elsewhere, in one pass; only below 3e-39, where float32 has no full precision any more, it is between. */
const positive = (onnx: Onnx, x: string) =>
  onnx.op("HardSigmoid", [x], { alpha: { float: 3.4e38 }, beta: { float: 0 } });

function geluGradOnnx(onnx: Onnx, [x, dy]: readonly string[]): string {
  const number = (value: number) => onnx.floats([value], []);
  const erf = onnx.op("Erf", [onnx.op("Mul", [x, number(Math.SQRT1_2)])]);
  const cdf = onnx.op("Mul", [onnx.op("Add", [erf, number(1)]), number(0.5)]);
  const density = onnx.op("Exp", [onnx.op("Mul", [onnx.op("Mul", [x, x]), number(-0.5)])]);
  const slope = onnx.op("Add", [cdf, onnx.op("Mul", [onnx.op("Mul", [x, density]), number(GELU_SLOPE)])]);
  return onnx.op("Mul", [dy, slope]);
}
