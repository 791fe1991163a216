/** @file Pictures in several sizes drawn to a canvas: each block where it is at hand, what coarser levels hold of it where it is not. */
import { type Cell, coverOf, extentOf, keyOf, type Level, stepOf } from "./pyramid.js";
import { type Size, toScreen, type Viewport } from "./viewport.js";

/** A layer: its sizes, the picture of a cell if it is at hand. */
export interface Layer {
  readonly levels: readonly Level[];
  picture(key: string): CanvasImageSource | undefined;
  /** Whether reduced pixels are mixed; classes never are. */
  readonly isSmooth: boolean;
  /** Whether coarse levels cost no more than fine ones. */
  readonly isCheap: boolean;
  readonly opacity: number;
  /** Cells of a level that may be asked for at once. */
  most(level: Level): number;
}

/** Draws the cells of one level, clipped to the map. */
export function drawLayer(
  context: CanvasRenderingContext2D,
  layer: Layer,
  cells: readonly Cell[],
  view: Viewport,
  screen: Size,
  map: Size,
): void {
  context.save();
  clip(context, view, screen, { x: 0, y: 0, right: map.width, bottom: map.height });
  context.globalAlpha = layer.opacity;
  for (const cell of cells) {
    const picture = layer.picture(keyOf(cell));
    context.imageSmoothingEnabled = layer.isSmooth && stepOf(layer.levels[cell.level]) * view.zoom < 1;
    if (picture) drawCell(context, layer, cell, picture, view, screen);
    else drawCoarser(context, layer, cell, view, screen);
  }
  context.restore();
}

interface Extent {
  readonly x: number;
  readonly y: number;
  readonly right: number;
  readonly bottom: number;
}

/** Edges are rounded to whole device pixels, so that neighbours meet without a seam. */
function onScreen(view: Viewport, screen: Size, { x, y, right, bottom }: Extent) {
  const from = toScreen(view, screen, { x, y });
  const to = toScreen(view, screen, { x: right, y: bottom });
  const [left, top] = [Math.round(from.x), Math.round(from.y)];
  return { left, top, width: Math.round(to.x) - left, height: Math.round(to.y) - top };
}

function clip(context: CanvasRenderingContext2D, view: Viewport, screen: Size, extent: Extent): void {
  const { left, top, width, height } = onScreen(view, screen, extent);
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
}

function drawCell(
  context: CanvasRenderingContext2D,
  { levels }: Layer,
  cell: Cell,
  picture: CanvasImageSource,
  view: Viewport,
  screen: Size,
): void {
  const extent = extentOf(levels, cell);
  const { left, top, width, height } = onScreen(view, screen, extent);
  context.drawImage(picture, 0, 0, extent.columns, extent.rows, left, top, width, height);
}

/** The nearest coarser level that holds anything under the cell. */
function drawCoarser(context: CanvasRenderingContext2D, layer: Layer, cell: Cell, view: Viewport, screen: Size): void {
  for (let level = cell.level + 1; level < layer.levels.length; level++) {
    const found = coverOf(layer.levels, cell, level).flatMap((other) => {
      const picture = layer.picture(keyOf(other));
      return picture ? [[other, picture] as const] : [];
    });
    if (found.length === 0) continue;
    context.save();
    clip(context, view, screen, extentOf(layer.levels, cell));
    for (const [other, picture] of found) drawCell(context, layer, other, picture, view, screen);
    context.restore();
    return;
  }
}
