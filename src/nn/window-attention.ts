/**
 * @file SAM's attention over a grid of tokens, whole or in windows, with decomposed relative positions.
 * Source: facebookresearch/segment-anything, segment_anything/modeling/image_encoder.py (Attention, window_partition).
 */
import type { Scope } from "../contract.js";
import * as g from "../graph/functions.js";
import { resizeMatrix } from "../graph/resize-matrix.js";
import type { Shape, Tensor } from "../graph/tensor.js";
import { TORCH_DEFAULT } from "./layers.js";

/** x [B, H, W, C] -> the same; window 0 attends over the whole grid. `table`: side the relative positions were made for. */
export function windowAttention(
  s: Scope,
  x: Tensor,
  options: { heads: number; window: number; table: number },
): Tensor {
  const { heads, window, table } = options;
  const [, H, W, C] = x.shape;
  const { q, k, v, valueBias } = projections(s.at("qkv"), x);
  const whole = window === 0;
  const [height, width] = whole ? [H, W] : [window, window];
  const cut = (t: Tensor) => (whole ? t : intoWindows(t, window));
  const tokens = (t: Tensor) => g.reshape(cut(t), [-1, height * width, C]);
  const relative = (name: string, extent: number) =>
    fitTable(s.param(name, [2 * (whole ? table : window) - 1, C / heads]), 2 * extent - 1);
  const attrs = { heads, height, width, scale: (C / heads) ** -0.5 };
  const tables = [relative("rel_pos_h", height), relative("rel_pos_w", width)] as const;
  const y = g.relPosAttention(tokens(q), tokens(k), tokens(v), ...tables, attrs);
  const inside = whole ? g.reshape(y, x.shape) : outOfWindows(y, window, x.shape);
  return project(s.at("proj"), inside, valueBias);
}

/**
 * Queries, keys and values of qkv, one linear layer. The bias of the keys shifts all logits of a query alike and has no effect; that of
 * the values passes through the weights, which add up to 1, and is added later. So what pads a window, a token of zeros after the norm,
 * is zeros here as well, and costs no product.
 */
function projections(s: Scope, x: Tensor): { q: Tensor; k: Tensor; v: Tensor; valueBias: Tensor } {
  const C = x.shape[3];
  const weight = s.param("weight", [3 * C, C], TORCH_DEFAULT);
  const bias = s.param("bias", [3 * C]);
  const third = (t: Tensor, i: number) => g.sliceAxis(t, 0, i * C, (i + 1) * C);
  const [q, k, v] = [0, 1, 2].map((i) => g.matmul(x, g.transpose(third(weight, i), [1, 0])));
  return { q: g.add(q, third(bias, 0)), k, v, valueBias: third(bias, 2) };
}

/** proj(y + valueBias), the bias folded into the layer's own. */
function project(s: Scope, y: Tensor, valueBias: Tensor): Tensor {
  const C = y.shape[3];
  const weight = g.transpose(s.param("weight", [C, C], TORCH_DEFAULT), [1, 0]);
  const shift = g.reshape(g.matmul(g.reshape(valueBias, [1, C]), weight), [C]);
  return g.add(g.matmul(y, weight), g.add(s.param("bias", [C]), shift));
}

/** [B, H, W, C], padded with zeros at the bottom and right -> [B windows, window, window, C]. */
function intoWindows(x: Tensor, window: number): Tensor {
  const [B, H, W, C] = x.shape;
  const [rows, columns] = [Math.ceil(H / window), Math.ceil(W / window)];
  const padded = g.pad(x, [0, 0, 0, 0], [0, rows * window - H, columns * window - W, 0]);
  const cells = g.transpose(g.reshape(padded, [B, rows, window, columns, window, C]), [0, 1, 3, 2, 4, 5]);
  return g.reshape(cells, [B * rows * columns, window, window, C]);
}

/** The way back: [B windows, window * window, C] -> [B, H, W, C]. */
function outOfWindows(x: Tensor, window: number, [B, H, W, C]: Shape): Tensor {
  const [rows, columns] = [Math.ceil(H / window), Math.ceil(W / window)];
  const back = g.transpose(g.reshape(x, [B, rows, columns, window, window, C]), [0, 1, 3, 2, 4, 5]);
  return g.slice(g.reshape(back, [B, rows * window, columns * window, C]), [0, 0, 0, 0], [B, H, W, C]);
}

/** A table of another length is interpolated linearly, half-pixel centres (get_rel_pos). */
function fitTable(table: Tensor, length: number): Tensor {
  const [from] = table.shape;
  if (from === length) return table;
  const matrix = { data: resizeMatrix(from, length, "bilinear"), shape: [length, from] };
  return g.matmul(g.constant(matrix), table);
}
