/**
 * @file SAM's attention over a grid of tokens, whole or in windows, with decomposed relative positions.
 * Source: facebookresearch/segment-anything, segment_anything/modeling/image_encoder.py (Attention, window_partition).
 */
import type { Scope } from "../contract.js";
import * as g from "../graph/functions.js";
import { resizeMatrix } from "../graph/resize-matrix.js";
import type { Tensor } from "../graph/tensor.js";
import { linear } from "./layers.js";

/** x [B, H, W, C] -> the same; window 0 attends over the whole grid. `table`: side the relative positions were made for. */
export function windowAttention(
  s: Scope,
  x: Tensor,
  options: { heads: number; window: number; table: number },
): Tensor {
  const { heads, window, table } = options;
  if (window === 0) return gridAttention(s, x, heads, table);
  const [B, H, W, C] = x.shape;
  const [rows, columns] = [Math.ceil(H / window), Math.ceil(W / window)];
  const [bottom, right] = [rows * window - H, columns * window - W];
  // padded after the norm and not masked: pad tokens take part with the bias of qkv as their key and value
  const padded = g.pad(x, [0, 0, 0, 0], [0, bottom, right, 0]);
  const cells = g.transpose(g.reshape(padded, [B, rows, window, columns, window, C]), [0, 1, 3, 2, 4, 5]);
  const inside = gridAttention(s, g.reshape(cells, [B * rows * columns, window, window, C]), heads, window);
  const back = g.transpose(g.reshape(inside, [B, rows, columns, window, window, C]), [0, 1, 3, 2, 4, 5]);
  return g.slice(g.reshape(back, padded.shape), [0, 0, 0, 0], x.shape);
}

function gridAttention(s: Scope, x: Tensor, heads: number, table: number): Tensor {
  const [B, H, W, C] = x.shape;
  const N = H * W;
  const qkv = linear(s.at("qkv"), g.reshape(x, [B, N, C]), 3 * C); // [B, N, 3C]: q, k, v one after the other
  const [q, k, v] = [0, 1, 2].map((i) => g.sliceAxis(qkv, 2, i * C, (i + 1) * C));
  const relative = (name: string, extent: number) =>
    fitTable(s.param(name, [2 * table - 1, C / heads]), 2 * extent - 1);
  const attrs = { heads, height: H, width: W, scale: (C / heads) ** -0.5 };
  const y = g.relPosAttention(q, k, v, relative("rel_pos_h", H), relative("rel_pos_w", W), attrs);
  return g.reshape(linear(s.at("proj"), y, C), x.shape);
}

/** A table of another length is interpolated linearly, half-pixel centres (get_rel_pos). */
function fitTable(table: Tensor, length: number): Tensor {
  const [from] = table.shape;
  if (from === length) return table;
  const matrix = { data: resizeMatrix(from, length, "bilinear"), shape: [length, from] };
  return g.matmul(g.constant(matrix), table);
}
