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

/** Windows of one axis: where each starts and ends. All are `size` long but the last of an aligned axis, which may be shorter. */
export interface Axis {
  readonly length: number;
  readonly size: number;
  readonly overlap: number;
  readonly starts: readonly number[];
  /** One past the last pixel. */
  readonly ends: readonly number[];
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

/**
 * The windows of one axis; a scene shorter than a tile gets one window of its own length. With `align` all start at multiples of it, as a network
 * that halves its maps wants for the same answer in every window: the last one is pulled back less and ends with the scene, shorter than the others.
 */
export function axisWindows(length: number, tile: number, overlap: number, align = 1): Axis {
  const whole = (tile - overlap) % align === 0 && tile % align === 0;
  if (!(length >= 1 && tile >= 1 && overlap >= 0 && overlap <= tile / 2 && whole)) {
    throw new Error(
      `internal: windows of ${tile} with overlap ${overlap} over ${length} pixels by ${align} (overlap is at most half)`,
    );
  }
  const size = Math.min(tile, length);
  const starts: number[] = [];
  for (let start = 0; start + size < length; start += tile - overlap) starts.push(start);
  starts.push(Math.ceil((length - size) / align) * align);
  const ends = starts.map((start) => Math.min(start + size, length));
  return { length, size, overlap, starts, ends };
}

/** Pixels at a window's edge that count for nothing, unless told otherwise: an eighth of the overlap. */
export const usualMargin = (overlap: number): number => Math.floor(overlap / 8);

/**
 * Weight of every pixel of every window of an axis [windows][pixels]; they sum to 1 at each pixel. Raw weight at distance d
 * from an inner edge: cosine 0 for d < margin, then 0.5 (1 - cos(pi (d - margin) / (overlap - 2 margin))), then 1;
 * gaussian exp(-t^2 / 2) with sigma = size / 8 from the centre; none 1. `margin`: pixels, less than half the overlap.
 */
export function axisWeights(axis: Axis, mode: BlendMode, margin = usualMargin(axis.overlap)): Float64Array[] {
  const { length, starts } = axis;
  if (mode === "crop") return starts.map((_, i) => cropWeights(axis, i));
  const raw = starts.map((_, i) => rawWeights(axis, i, mode, margin));
  const sums = new Float64Array(length);
  for (const [i, start] of starts.entries()) for (let k = 0; k < raw[i].length; k++) sums[start + k] += raw[i][k];
  for (const [i, start] of starts.entries()) for (let k = 0; k < raw[i].length; k++) raw[i][k] /= sums[start + k];
  return raw;
}

function rawWeights(
  { size, overlap, starts, ends }: Axis,
  index: number,
  mode: "cosine" | "gaussian" | "none",
  margin: number,
): Float64Array {
  const out = new Float64Array(ends[index] - starts[index]).fill(1);
  if (mode === "none" || starts.length === 1) return out;
  for (let k = 0; k < out.length; k++) {
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
function cropWeights({ length, starts, ends }: Axis, index: number): Float64Array {
  const start = starts[index];
  const from = index > 0 ? Math.floor((start + ends[index - 1]) / 2) : 0;
  const to = index < starts.length - 1 ? Math.floor((starts[index + 1] + ends[index]) / 2) : length;
  return Float64Array.from({ length: ends[index] - start }, (_, k) => (start + k >= from && start + k < to ? 1 : 0));
}
