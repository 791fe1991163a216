/**
 * @file Overlapping windows over a scene and their blending weights. Weights are separable and normalised over the whole
 * grid of an axis, so that a_i(x) * b_j(y) sums to 1 at every pixel and no weight raster is ever needed. Units: pixels.
 */

/** A rectangle of pixels, top left corner included. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How overlapping windows are joined. `crop`: each pixel from one window only, cut in the middle of the overlap. */
export type BlendMode = "cosine" | "gaussian" | "crop" | "none";
export const BLEND_MODES: readonly BlendMode[] = ["cosine", "gaussian", "crop", "none"];

/** Windows of one axis: where each starts; all are `size` long. */
export interface Axis {
  readonly length: number;
  readonly size: number;
  readonly overlap: number;
  readonly starts: readonly number[];
}

/** Windows in rows: window i lies at columns.starts[i % columns], rows.starts[floor(i / columns)]. */
export interface WindowGrid {
  readonly columns: Axis;
  readonly rows: Axis;
  readonly windows: readonly Window[];
}

/** Windows of tile x tile that overlap by `overlap` and cover the scene; the last of an axis is pulled inside. */
export function windowGrid(width: number, height: number, tile: number, overlap: number): WindowGrid {
  const columns = axisWindows(width, tile, overlap);
  const rows = axisWindows(height, tile, overlap);
  const windows = rows.starts.flatMap((y) =>
    columns.starts.map((x) => ({ x, y, width: columns.size, height: rows.size })),
  );
  return { columns, rows, windows };
}

/** The windows of one axis; a scene shorter than a tile gets one window of its own length. */
export function axisWindows(length: number, tile: number, overlap: number): Axis {
  if (!(length >= 1 && tile >= 1 && overlap >= 0 && overlap <= tile / 2)) {
    throw new Error(
      `internal: windows of ${tile} with overlap ${overlap} over ${length} pixels (overlap is at most half)`,
    );
  }
  const size = Math.min(tile, length);
  const starts: number[] = [];
  for (let start = 0; start + size < length; start += tile - overlap) starts.push(start);
  starts.push(length - size);
  return { length, size, overlap, starts };
}

/**
 * Weight of every pixel of every window of an axis [windows][size]; they sum to 1 at each pixel. Raw weight at distance d
 * from an inner edge: cosine 0 for d < margin, then 0.5 (1 - cos(pi (d - margin) / (overlap - 2 margin))), then 1, where
 * margin is an eighth of the overlap; gaussian exp(-t^2 / 2) with sigma = size / 8 from the centre; none 1.
 */
export function axisWeights(axis: Axis, mode: BlendMode): Float64Array[] {
  const { length, size, starts } = axis;
  if (mode === "crop") return starts.map((_, i) => cropWeights(axis, i));
  const raw = starts.map((_, i) => rawWeights(axis, i, mode));
  const sums = new Float64Array(length);
  for (const [i, start] of starts.entries()) for (let k = 0; k < size; k++) sums[start + k] += raw[i][k];
  for (const [i, start] of starts.entries()) for (let k = 0; k < size; k++) raw[i][k] /= sums[start + k];
  return raw;
}

function rawWeights(
  { size, overlap, starts }: Axis,
  index: number,
  mode: "cosine" | "gaussian" | "none",
): Float64Array {
  const out = new Float64Array(size).fill(1);
  if (mode === "none" || starts.length === 1) return out;
  const margin = Math.floor(overlap / 8);
  for (let k = 0; k < size; k++) {
    const left = index > 0 ? k + 0.5 : Number.POSITIVE_INFINITY; // the scene's own border is no seam: full weight there
    const right = index < starts.length - 1 ? size - k - 0.5 : Number.POSITIVE_INFINITY;
    const distance = Math.min(left, right);
    if (mode === "cosine") out[k] = rise(distance, margin, overlap);
    else out[k] = distance < size / 2 ? Math.exp(-0.5 * ((size / 2 - distance) / (size / 8)) ** 2) : 1;
  }
  return out;
}

function rise(distance: number, margin: number, overlap: number): number {
  if (distance < margin) return 0;
  if (distance >= overlap - margin) return 1;
  return 0.5 * (1 - Math.cos((Math.PI * (distance - margin)) / (overlap - 2 * margin)));
}

/** 1 between the middles of the overlaps with the neighbours, 0 beyond. */
function cropWeights({ length, size, starts }: Axis, index: number): Float64Array {
  const start = starts[index];
  const from = index > 0 ? Math.floor((start + starts[index - 1] + size) / 2) : 0;
  const to = index < starts.length - 1 ? Math.floor((starts[index + 1] + start + size) / 2) : length;
  return Float64Array.from({ length: size }, (_, k) => (start + k >= from && start + k < to ? 1 : 0));
}
