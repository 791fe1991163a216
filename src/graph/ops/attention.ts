/**
 * @file Multi-head attention over packed heads: softmax(scale q k^T) v. On ONNX Runtime it is the fused MultiHeadAttention op, which
 * never holds all the logits; the gradient goes head by head for the same reason. v may have another head size than q and k.
 */
import type { GraphOps, OpRules } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfOps, TfTensor } from "../tf.js";
import { shapeError } from "./common.js";

/** More logits than this (elements of one batch item over all heads) are handled one head at a time in the gradient. */
const WHOLE_LOGITS = 1 << 24;

export const attentionRules = {
  attention: {
    shape: ([q, k, v], { heads }) => {
      const bad =
        q.shape.at(-1) !== k.shape.at(-1) ||
        k.shape[1] !== v.shape[1] ||
        [q, k, v].some((x) => x.shape.length !== 3 || x.shape[2] % heads);
      if (bad)
        throw shapeError("attention", `q [${q.shape}], k [${k.shape}] and v [${v.shape}] do not fit ${heads} heads`);
      return { shape: [q.shape[0], q.shape[1], v.shape[2]], dtype: "float32" };
    },
    grad: (node, dy, g) => attentionGrad(g, node, dy),
    onnx: (onnx, [q, k, v], { attrs }) =>
      onnx.op(
        "MultiHeadAttention",
        [q, k, v],
        { num_heads: attrs.heads, scale: { float: attrs.scale } },
        "com.microsoft",
      ),
    tfjs: ({ tf }, [q, k, v], { attrs, inputs, shape }) => {
      const { heads, scale } = attrs;
      const logits = tf.mul(
        tf.matMul(tfHeads(tf, q, inputs[0].shape, heads), tfHeads(tf, k, inputs[1].shape, heads), false, true),
        tf.scalar(scale),
      );
      const exp = tf.exp(tf.sub(logits, tf.max(logits, [-1], true)));
      const weights = tf.div(exp, tf.sum(exp, [-1], true));
      const out = tf.matMul(weights, tfHeads(tf, v, inputs[2].shape, heads)); // [B heads, N, D]
      const [B, N, C] = shape;
      return tf.reshape(tf.transpose(tf.reshape(out, [B, heads, N, C / heads]), [0, 2, 1, 3]), [...shape]);
    },
    flops: ({ inputs: [q, k, v] }) => 2 * q.shape[0] * q.shape[1] * k.shape[1] * (q.shape[2] + v.shape[2]),
  },
} satisfies Pick<OpRules, "attention">;

/** [B, N, heads D] -> [B heads, N, D] */
function tfHeads(tf: TfOps, x: TfTensor, [B, N, C]: Shape, heads: number): TfTensor {
  return tf.reshape(tf.transpose(tf.reshape(x, [B, N, heads, C / heads]), [0, 2, 1, 3]), [B * heads, N, C / heads]);
}

function attentionGrad(g: GraphOps, node: Tensor<"attention">, dy: Tensor): Tensor[] {
  const { heads, scale } = node.attrs;
  const [q, k, v] = node.inputs;
  const split = (x: Tensor) => g.transpose(g.reshape(x, [x.shape[0], x.shape[1], heads, -1]), [0, 2, 1, 3]); // [B, heads, N, D]
  const [qh, kh, vh, dh] = [q, k, v, dy].map(split);
  const perHead = heads * sizeOf(qh.shape.slice(2, 3)) * kh.shape[2] > WHOLE_LOGITS;
  const groups = perHead ? Array.from({ length: heads }, (_, h) => [h, h + 1]) : [[0, heads]];
  const parts = groups.map(([from, to]) => {
    const pick = (x: Tensor) => (perHead ? g.sliceAxis(x, 1, from, to) : x);
    return headGrad(g, pick(qh), pick(kh), pick(vh), pick(dh), scale);
  });
  const join = (i: number, shape: Shape) => {
    const whole =
      parts.length > 1
        ? g.concat(
            parts.map((part) => part[i]),
            1,
          )
        : parts[0][i];
    return g.reshape(g.transpose(whole, [0, 2, 1, 3]), shape);
  };
  return [join(0, q.shape), join(1, k.shape), join(2, v.shape)];
}

/** Gradients of some heads; the probabilities are computed again rather than kept. All [B, heads, N, D]. */
function headGrad(g: GraphOps, q: Tensor, k: Tensor, v: Tensor, dy: Tensor, scale: number): Tensor[] {
  const t = (x: Tensor) => g.transpose(x, [0, 1, 3, 2]);
  const p = g.softmax(g.mul(g.matmul(q, t(k)), scale), -1); // [B, heads, N, M]
  const dp = g.matmul(dy, t(v));
  const ds = g.mul(g.mul(p, g.sub(dp, g.sum(g.mul(dp, p), -1, true))), scale);
  return [g.matmul(ds, k), g.matmul(t(ds), q), g.matmul(t(p), dy)];
}
