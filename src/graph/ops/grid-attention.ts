/**
 * @file Attention over the tokens of a grid, with a bias a query for every row and column of keys (SAM's relative positions). Small grids fold the
 * bias into longer q and k, for the fused attention op; large ones go by strips of queries, whose logits stay in the processor's cache, and add it.
 */
import type { GraphOps, Onnx, OpRules, Tf } from "../rule.js";
import { sizeOf, type Tensor, type TensorData } from "../tensor.js";
import type { TfTensor } from "../tf.js";
import { attentionGrad, attentionShape, fusedAttention, tfAttention, tfHeads } from "./attention.js";
import { shapeError } from "./common.js";

type Node = Tensor<"gridAttention">;

/** Keys from which strips are faster than longer q and k. */
const LARGE = 2048;
/** Logits of a strip: 8 MiB. */
const STRIP = 1 << 21;

export const gridAttentionRules = {
  gridAttention: {
    shape: ([q, k, v, rows, columns], attrs) => {
      const { heads, height, width } = attrs;
      const fits = (bias: Tensor, extent: number) =>
        String(bias.shape) === String([...q.shape.slice(0, 2), heads, extent]);
      if (k.shape[1] !== height * width || !fits(rows, height) || !fits(columns, width))
        throw shapeError(
          "gridAttention",
          `rows [${rows.shape}] and columns [${columns.shape}] do not fit q [${q.shape}] and a grid of ${height} x ${width}`,
        );
      return attentionShape([q, k, v], heads);
    },
    grad: (node, dy, g) => gridGrad(g, node, dy),
    onnx: (onnx, inputs, node) => {
      const [, k] = node.inputs;
      return onnx.block > 0 && k.shape[1] >= LARGE ? byStrips(onnx, inputs, node) : folded(onnx, inputs, node);
    },
    tfjs: (t, inputs, node) => tfjs(t, inputs, node),
    flops: ({ inputs: [q, k, v] }) => 2 * q.shape[0] * q.shape[1] * k.shape[1] * (q.shape[2] + v.shape[2]),
  },
} satisfies Pick<OpRules, "gridAttention">;

/** One-hot row and column of every token: [1, H W, 1, H + W]. */
function positionCodes(height: number, width: number): TensorData {
  const extent = height + width;
  const data = new Float32Array(height * width * extent);
  for (let i = 0; i < height * width; i++) {
    data[i * extent + Math.floor(i / width)] = 1;
    data[i * extent + height + (i % width)] = 1;
  }
  return { data, shape: [1, height * width, 1, extent] };
}

/** q beside its biases and k beside one-hot codes: their product is all of a logit. */
function folded(onnx: Onnx, [q, k, v, rows, columns]: readonly string[], { attrs, inputs }: Node): string {
  const { heads, height, width, scale } = attrs;
  const [B, N, C] = inputs[0].shape;
  const [, M] = inputs[1].shape;
  const wide = C + heads * (height + width);
  const perHead = (x: string, tokens: number) => onnx.op("Reshape", [x, onnx.ints([B, tokens, heads, C / heads])]);
  const unscaled = (x: string) => onnx.op("Mul", [x, onnx.floats([1 / scale], [])]);
  const codes = onnx.op("Expand", [
    onnx.constant(positionCodes(height, width)),
    onnx.ints([B, M, heads, height + width]),
  ]);
  const join = (parts: readonly string[], tokens: number) =>
    onnx.op("Reshape", [onnx.op("Concat", parts, { axis: 3 }), onnx.ints([B, tokens, wide])]);
  const longQ = join([perHead(q, N), unscaled(rows), unscaled(columns)], N);
  return fusedAttention(onnx, [longQ, join([perHead(k, M), codes], M), v], attrs);
}

/** Strips of queries of one head at a time. */
function byStrips(onnx: Onnx, [q, k, v, rows, columns]: readonly string[], { attrs, inputs, shape }: Node): string {
  const { heads, height, width, scale } = attrs;
  const [B, N] = shape;
  const M = height * width;
  const [D, E] = [inputs[0].shape[2] / heads, inputs[2].shape[2] / heads];
  const strips = stripsOf(N, Math.max(1, Math.floor(STRIP / M)));
  const each = Array<readonly number[]>(B * heads)
    .fill(strips)
    .flat();
  /** [B, tokens, heads, ...rest] head by head, cut into pieces of `lengths` tokens. */
  const cut = (x: string, tokens: number, rest: readonly number[], lengths: readonly number[]) => {
    const perHead = onnx.op("Reshape", [x, onnx.ints([B, tokens, heads, sizeOf(rest)])]);
    const turned = onnx.op("Transpose", [perHead], { perm: [0, 2, 1, 3] });
    const flat = onnx.op("Reshape", [turned, onnx.ints([B * heads * tokens, ...rest])]);
    return lengths.length === 1 ? [flat] : onnx.ops("Split", [flat, onnx.ints(lengths)], lengths.length, { axis: 0 });
  };
  const whole = Array<number>(B * heads).fill(M);
  const [keys, values] = [cut(k, M, [D], whole), cut(v, M, [E], whole)];
  const [above, beside] = [cut(rows, N, [height, 1], each), cut(columns, N, [1, width], each)];
  const results = cut(q, N, [D], each).map((strip, i) => {
    const head = Math.floor(i / strips.length);
    const factors = [strip, keys[head]];
    const products = onnx.op("FusedMatMul", factors, { transB: 1, alpha: { float: scale } }, "com.microsoft");
    const grid = onnx.op("Reshape", [products, onnx.ints([each[i], height, width])]);
    const logits = onnx.op("Add", [onnx.op("Add", [grid, above[i]]), beside[i]]);
    const weights = onnx.op("Softmax", [onnx.op("Reshape", [logits, onnx.ints([each[i], M])])], { axis: -1 });
    return onnx.op("MatMul", [weights, values[head]]);
  });
  const all = onnx.op("Reshape", [onnx.op("Concat", results, { axis: 0 }), onnx.ints([B, heads, N, E])]);
  return onnx.op("Reshape", [onnx.op("Transpose", [all], { perm: [0, 2, 1, 3] }), onnx.ints(shape)]);
}

/** Lengths of as few strips as there can be of at most `longest`, all but alike. */
function stripsOf(total: number, longest: number): number[] {
  const count = Math.ceil(total / longest);
  const start = (i: number) => Math.floor((i * total) / count);
  return Array.from({ length: count }, (_, i) => start(i + 1) - start(i));
}

/** Gradients by those of attention with folded q and k. */
function gridGrad(g: GraphOps, node: Node, dy: Tensor): Tensor[] {
  const { heads, height, width, scale } = node.attrs;
  const [q, k, v, rows, columns] = node.inputs;
  const D = q.shape[2] / heads;
  const wide = D + height + width;
  const perHead = (x: Tensor) => g.reshape(x, [x.shape[0], x.shape[1], heads, -1]);
  const pack = (...parts: Tensor[]) =>
    g.reshape(g.concat(parts, 3), [parts[0].shape[0], parts[0].shape[1], heads * wide]);
  const longQ = pack(perHead(q), g.mul(rows, 1 / scale), g.mul(columns, 1 / scale));
  const codes = g.broadcastTo(g.constant(positionCodes(height, width)), [
    ...k.shape.slice(0, 2),
    heads,
    height + width,
  ]);
  const [dQ, dK, dV] = attentionGrad(g, [longQ, pack(perHead(k), codes), v], node, dy, node.attrs);
  const cut = (x: Tensor, from: number, to: number) => g.sliceAxis(perHead(x), 3, from, to);
  const bias = (from: number, to: number) => g.mul(cut(dQ, from, to), 1 / scale);
  return [
    g.reshape(cut(dQ, 0, D), q.shape),
    g.reshape(cut(dK, 0, D), k.shape),
    dV,
    bias(D, D + height),
    bias(D + height, wide),
  ];
}

function tfjs(t: Tf, [q, k, v, rows, columns]: readonly TfTensor[], { attrs, inputs, shape }: Node): TfTensor {
  const { tf } = t;
  const { heads, height, width } = attrs;
  const [B, N] = shape;
  const bias = (x: TfTensor, extent: number, at: number) => {
    const turned = tfHeads(tf, tf.reshape(x, [B, N, heads * extent]), [B, N, heads * extent], heads);
    return tf.reshape(turned, at === 2 ? [B * heads, N, height, 1] : [B * heads, N, 1, width]);
  };
  const sum = tf.add(bias(rows, height, 2), bias(columns, width, 3));
  return tfAttention(t, [q, k, v], inputs, shape, attrs, tf.reshape(sum, [B * heads, N, height * width]));
}
