/** @file Matrix product over the last two axes; leading axes broadcast. */
import type { Onnx, OpRules } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import { broadcastShapes, shapeError, unbroadcast } from "./common.js";

const swapLast = (shape: Shape) =>
  [...shape.keys()].map((i) => (i === shape.length - 1 ? i - 1 : i === shape.length - 2 ? i + 1 : i));

export const matmulRules = {
  matmul: {
    shape: ([a, b]) => {
      const [m, k] = a.shape.slice(-2);
      const [k2, n] = b.shape.slice(-2);
      if (a.shape.length < 2 || b.shape.length < 2 || k !== k2)
        throw shapeError("matmul", `[${a.shape}] times [${b.shape}]`);
      return {
        shape: [...broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n],
        dtype: "float32",
      };
    },
    grad: (node, dy, g) => {
      const [a, b] = node.inputs;
      const t = (x: Tensor) => g.transpose(x, swapLast(x.shape));
      const da = g.matmul(dy, t(b));
      if (b.shape.length > 2) return [unbroadcast(g, da, a.shape), unbroadcast(g, g.matmul(t(a), dy), b.shape)];
      // a weight: one product over all rows instead of a batch of them
      const rows = (x: Tensor) => g.reshape(x, [-1, x.shape[x.shape.length - 1]]);
      return [unbroadcast(g, da, a.shape), g.matmul(t(rows(a)), rows(dy))];
    },
    onnx: (onnx, [a, b], node) => onnx.int8Product(node) ?? onnx.op("MatMul", [a, b]),
    tfjs: ({ tf }, [a, b], { shape, inputs }) => {
      const [x, y] = inputs;
      const [m, k] = x.shape.slice(-2);
      const n = shape[shape.length - 1];
      if (y.shape.length === 2) return tf.reshape(tf.matMul(tf.reshape(a, [-1, k]), b), [...shape]);
      const lead = shape.slice(0, -2);
      const batch = sizeOf(lead);
      const left = tf.reshape(tf.broadcastTo(a, [...lead, m, k]), [batch, m, k]);
      const right = tf.reshape(tf.broadcastTo(b, [...lead, k, n]), [batch, k, n]);
      return tf.reshape(tf.matMul(left, right), [...shape]);
    },
    flops: (node) => 2 * sizeOf(node.shape) * (node.inputs[0].shape.at(-1) ?? 0),
  },
} satisfies Pick<OpRules, "matmul">;

/** A vector added to an int8 product of rows as long: the product adds it while it scales its sums. */
export function int8Biased(onnx: Onnx, [product, bias]: readonly string[], { inputs }: Tensor): string | undefined {
  const from = onnx.origin(product);
  const [rows, vector] = inputs;
  if (from?.type !== "MatMulIntegerToFloat" || from.inputs.length !== 5) return undefined;
  if (vector.shape.length !== 1 || vector.shape[0] !== rows.shape.at(-1)) return undefined;
  return onnx.op(from.type, [...from.inputs, "", bias], from.attributes, from.domain); // no zero points of columns
}
