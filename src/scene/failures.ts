/** @file Windows that could not be computed and are to be marked: every pixel they have a share in is no data. */
import type { Window } from "../raster/index.js";
import type { BlendPlan } from "./blend.js";

/** Where such a window lies. */
export interface Failure {
  readonly column: number;
  readonly row: number;
}

/** `valid` of a window (row y at y * stride; its first `extent` pixels count) without the pixels that a failed window has weight in. */
export function hideFailures(
  failures: readonly Failure[],
  plan: BlendPlan,
  extent: Window,
  valid: Uint8Array | undefined,
  stride: number,
): Uint8Array | undefined {
  let out = valid;
  for (const { column, row } of failures) {
    const [left, top] = [plan.columns.starts[column], plan.rows.starts[row]];
    if (left >= extent.x + extent.width || plan.columns.ends[column] <= extent.x) continue;
    if (top >= extent.y + extent.height || plan.rows.ends[row] <= extent.y) continue;
    if (out === valid) out = valid ? valid.slice() : new Uint8Array(stride * extent.height).fill(1);
    hide(out as Uint8Array, stride, extent, plan.columnWeights[column], plan.rowWeights[row], left, top);
  }
  return out;
}

function hide(
  valid: Uint8Array,
  stride: number,
  { x, y, width, height }: Window,
  across: Float64Array,
  down: Float64Array,
  left: number,
  top: number,
): void {
  for (let row = Math.max(0, top - y); row < Math.min(height, top + down.length - y); row++) {
    if (down[row + y - top] === 0) continue;
    for (let i = Math.max(0, left - x); i < Math.min(width, left + across.length - x); i++) {
      if (across[i + x - left] > 0) valid[row * stride + i] = 0;
    }
  }
}
