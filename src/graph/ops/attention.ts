/**
 * @file Multi-head attention over packed heads: softmax(scale q k^T) v. On ONNX Runtime it is the fused MultiHeadAttention op, which
 * never holds all the logits; the gradient goes head by head for the same reason. v may have another head size than q and k.
 */

import type { OpAttrs } from "../attrs.js";
import type { GraphOps, Onnx, OpRules, Tf } from "../rule.js";
import type { Shape, Tensor } from "../tensor.js";
import type { TfOps, TfTensor } from "../tf.js";
import { shapeError } from "./common.js";

/** More logits than this (elements of one batch item over all heads) are handled one head at a time in the gradient, */
const WHOLE_LOGITS = 1 << 24;
/** and of a head so many at a time: 16 MiB. */
const STRIP_LOGITS = 1 << 22;

type Attrs = OpAttrs["attention"];

export const attentionRules = {
  attention: {
    shape: (inputs, { heads }) => attentionShape(inputs, heads),
    grad: (node, dy, g) => attentionGrad(g, node.inputs, node, dy, node.attrs),
    onnx: (onnx, inputs, { attrs }) => fusedAttention(onnx, inputs, attrs),
    tfjs: (t, values, { attrs, inputs, shape }) => tfAttention(t, values, inputs, shape, attrs),
    flops: ({ inputs: [q, k, v] }) => 2 * q.shape[0] * q.shape[1] * k.shape[1] * (q.shape[2] + v.shape[2]),
  },
} satisfies Pick<OpRules, "attention">;

/** Shape of the result of q [B, N, C], k [B, M, C] and v [B, M, C']; throws SegError where they do not fit. */
export function attentionShape([q, k, v]: readonly Tensor[], heads: number) {
  const bad =
    q.shape.at(-1) !== k.shape.at(-1) ||
    k.shape[1] !== v.shape[1] ||
    [q, k, v].some((x) => x.shape.length !== 3 || x.shape[2] % heads);
  if (bad) throw shapeError("attention", `q [${q.shape}], k [${k.shape}] and v [${v.shape}] do not fit ${heads} heads`);
  return { shape: [q.shape[0], q.shape[1], v.shape[2]], dtype: "float32" } as const;
}

/** ONNX Runtime's op that never holds all logits. */
export const fusedAttention = (onnx: Onnx, inputs: readonly string[], { heads, scale }: Attrs): string =>
  onnx.op("MultiHeadAttention", inputs, { num_heads: heads, scale: { float: scale } }, "com.microsoft");

/** In tfjs; `bias`, [B heads, N, M], is added to the scaled logits. */
export function tfAttention(
  { tf }: Tf,
  [q, k, v]: readonly TfTensor[],
  inputs: readonly Tensor[],
  shape: Shape,
  { heads, scale }: Attrs,
  bias?: TfTensor,
): TfTensor {
  const [queries, keys, values] = [q, k, v].map((x, i) => tfHeads(tf, x, inputs[i].shape, heads));
  const product = tf.mul(tf.matMul(queries, keys, false, true), tf.scalar(scale));
  const logits = bias ? tf.add(product, bias) : product;
  const exp = tf.exp(tf.sub(logits, tf.max(logits, [-1], true)));
  const weights = tf.div(exp, tf.sum(exp, [-1], true));
  const out = tf.matMul(weights, values); // [B heads, N, D]
  const [B, N, C] = shape;
  return tf.reshape(tf.transpose(tf.reshape(out, [B, heads, N, C / heads]), [0, 2, 1, 3]), [...shape]);
}

/** [B, N, heads D] -> [B heads, N, D] */
export function tfHeads(tf: TfOps, x: TfTensor, [B, N, C]: Shape, heads: number): TfTensor {
  return tf.reshape(tf.transpose(tf.reshape(x, [B, N, heads, C / heads]), [0, 2, 1, 3]), [B * heads, N, C / heads]);
}

/**
 * Pieces of the gradient, one after the other: all at once where the logits are few, else strips of queries of one head. Barriers keep the engine
 * from computing the next piece before the last is done, which would hold the logits of all.
 */
export function attentionGrad(
  g: GraphOps,
  [q, k, v]: readonly Tensor[],
  y: Tensor,
  dy: Tensor,
  { heads, scale }: Attrs,
): Tensor[] {
  const split = (x: Tensor) => g.transpose(g.reshape(x, [x.shape[0], x.shape[1], heads, -1]), [0, 2, 1, 3]); // [B, heads, N, D]
  const whole = [g.mul(split(q), scale), split(k), split(v), split(dy), split(y)] as const;
  const [B, , N] = whole[0].shape;
  const isWhole = heads * N * k.shape[1] <= WHOLE_LOGITS;
  const rows = isWhole ? N : Math.max(1, Math.floor(STRIP_LOGITS / (B * k.shape[1])));
  const size = isWhole ? heads : 1;
  const groups: Tensor[][] = [];
  for (let head = 0; head < heads; head += size) {
    const mine = whole.map((x) => g.sliceAxis(x, 1, head, head + size));
    groups.push(headGrad(g, mine, rows, groups.at(-1)));
  }
  const join = (i: number, { shape }: Tensor) => {
    const parts = groups.map((group) => group[i]);
    return g.reshape(g.transpose(parts.length > 1 ? g.concat(parts, 1) : parts[0], [0, 2, 1, 3]), shape);
  };
  return [g.mul(join(0, q), scale), join(1, k), join(2, v)];
}

/** d q (before scaling), d k and d v of some heads by strips of queries; `after`: what must be done first. Inputs [B, heads, N, D]. */
function headGrad(g: GraphOps, [q, k, v, dy, y]: readonly Tensor[], rows: number, after?: readonly Tensor[]): Tensor[] {
  const N = q.shape[2];
  const strips: Tensor[] = [];
  let sums: Tensor[] = [];
  let done = after;
  for (let from = 0; from < N; from += rows) {
    const strip = [q, dy, y].map((x) => {
      const piece = g.sliceAxis(x, 2, from, Math.min(N, from + rows));
      return done ? g.barrier(piece, ...done) : piece;
    });
    const [dq, ...rest] = stripGrad(g, strip, k, v);
    strips.push(dq);
    sums = rest.map((part, i) => (sums.length ? g.add(sums[i], part) : part));
    done = [dq, ...sums];
  }
  return [strips.length > 1 ? g.concat(strips, 2) : strips[0], ...sums];
}

/** The probabilities are computed again rather than kept; the row sums of p dp are those of dy y (https://arxiv.org/abs/2205.14135). */
function stripGrad(g: GraphOps, [q, dy, y]: readonly Tensor[], k: Tensor, v: Tensor): Tensor[] {
  const t = (x: Tensor) => g.transpose(x, [0, 1, 3, 2]);
  const p = g.softmax(g.matmul(q, t(k)), -1); // [B, heads, rows, M]
  const ds = g.mul(p, g.sub(g.matmul(dy, t(v)), g.sum(g.mul(dy, y), -1, true)));
  return [g.matmul(ds, k), g.matmul(t(ds), q), g.matmul(t(p), dy)];
}
