/** @file How a scene is cut into windows for a model and joined again: what the user asked for, completed and checked. Units: pixels. */
import { SegError } from "../errors.js";
import { type Axis, axisWindows, type BlendMode, usualMargin } from "../raster/index.js";
import type { ModelCard } from "../run/card.js";

/** What may be asked for. */
export interface WindowOptions {
  /** Side of the windows; default: the encoder's fixed size, else 1024. */
  readonly tile?: number;
  /** Pixels neighbours share, at most half a tile; default about a quarter. */
  readonly overlap?: number;
  /** Pixels at a window's edge that count for nothing; default an eighth of the overlap. With `crop` half the overlap, or more of it is asked for. */
  readonly margin?: number;
  readonly blend?: BlendMode;
}

/** The same, settled. */
export interface Windows extends Required<WindowOptions> {
  /** Windows start at multiples of this: where it is what the encoder's maps are smaller by, every window sees a pixel alike. */
  readonly align: number;
}

/** Windows for a model. Throws SegError for sizes that do not do. */
export function settleWindows({ preprocessing, encoder }: ModelCard, options: WindowOptions): Windows {
  const { size, multipleOf } = preprocessing;
  const step = size === undefined ? multipleOf : 1;
  const tile = options.tile ?? size ?? Math.ceil(1024 / step) * step;
  const blend = options.blend ?? "cosine";
  if (tile % step !== 0 || tile < 1) {
    const near = Math.max(1, Math.round(tile / step)) * step;
    throw new SegError(`--tile ${tile}`, `is no multiple of ${step}, which ${encoder} needs`, `try ${near}`);
  }
  const most = Math.floor(tile / 2 / step) * step;
  const overlap = options.overlap ?? usualOverlap(tile, step, most, blend === "crop" ? options.margin : undefined);
  if (overlap > tile / 2) {
    const remedy = `try ${Math.floor(tile / 4)}`;
    throw new SegError(`--overlap ${overlap}`, `is more than half of the tile (${tile})`, remedy);
  }
  const align = overlap % step === 0 ? step : 1;
  if (blend === "crop" && align !== step) refuseOverlap(overlap, step, most, encoder);
  const margin = options.margin ?? (blend === "crop" ? Math.floor(overlap / 2) : usualMargin(overlap));
  checkMargin(margin, overlap, blend, step);
  if (options.margin !== undefined && (blend === "gaussian" || blend === "none"))
    throw new SegError(
      `--margin ${margin}`,
      `means nothing to --blend ${blend}`,
      "leave it out, or use cosine or crop",
    );
  return { tile, overlap, margin, blend, align };
}

/** About a quarter of the tile; twice the margin at least, where half the overlap has to cover it. */
function usualOverlap(tile: number, step: number, most: number, margin = 0): number {
  const [quarter, needed] = [Math.round(tile / 4 / step) * step, Math.ceil((2 * margin) / step) * step];
  return Math.min(most, Math.max(quarter, needed));
}

function refuseOverlap(overlap: number, step: number, most: number, encoder: string): never {
  const near = Math.min(most, Math.ceil(overlap / step) * step);
  const reason = `is no multiple of ${step}: ${encoder} would not see a pixel alike in every window, as --blend crop promises`;
  throw new SegError(`--overlap ${overlap}`, reason, `try ${near}`);
}

function checkMargin(margin: number, overlap: number, blend: BlendMode, step: number): void {
  const most = blend === "crop" ? Math.floor(overlap / 2) : Math.ceil(overlap / 2) - 1;
  if (margin === 0 || margin <= most) return;
  const wide = Math.ceil((2 * margin + (blend === "crop" ? 0 : 2)) / step) * step;
  const reason = `is more than an overlap of ${overlap} pixels leaves (${Math.max(0, most)})`;
  throw new SegError(`--margin ${margin}`, reason, `widen it: --overlap ${wide}, with --tile ${2 * wide} or more`);
}

/** The windows' places along both axes of a scene. */
export function axesOf(
  width: number,
  height: number,
  { tile, overlap, align }: Windows,
): { columns: Axis; rows: Axis } {
  return { columns: axisWindows(width, tile, overlap, align), rows: axisWindows(height, tile, overlap, align) };
}
