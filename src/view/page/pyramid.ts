/** @file Which blocks of which level of a picture in several sizes a view needs. */
import { type Size, toMap, type Viewport } from "./viewport.js";

/** One size of a picture: `factor` map pixels to one of its own, in blocks. */
export interface Level {
  readonly factor: number;
  readonly width: number;
  readonly height: number;
  readonly blockWidth: number;
  readonly blockHeight: number;
}

/** Samples of a block, interleaved [height, width, bands]. */
export interface Block {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
}

/** A block of a level; levels count from the finest. */
export interface Cell {
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

/** Name of a cell in caches. */
export const keyOf = ({ level, column, row }: Cell): string => `${level}/${column}/${row}`;

/** A pixel of a level may be drawn this many times as large as one of the screen: half a level either way. */
const SHARPNESS = Math.SQRT2;

/** The coarsest level that is fine enough for a zoom; levels are sorted from fine to coarse. */
export function levelFor(levels: readonly Level[], zoom: number): number {
  let best = 0;
  for (const [i, { factor }] of levels.entries()) if (factor * zoom <= SHARPNESS) best = i;
  return best;
}

/** The cells of a level on the screen, those in the middle first. */
export function visibleCells(levels: readonly Level[], level: number, view: Viewport, screen: Size): Cell[] {
  const { factor, width, height, blockWidth, blockHeight } = levels[level];
  const from = toMap(view, screen, { x: 0, y: 0 });
  const to = toMap(view, screen, { x: screen.width, y: screen.height });
  const [across, down] = [blockWidth * factor, blockHeight * factor];
  const last = { column: Math.ceil(width / blockWidth) - 1, row: Math.ceil(height / blockHeight) - 1 };
  const cells: Cell[] = [];
  for (let row = Math.max(0, Math.floor(from.y / down)); row <= Math.min(last.row, Math.floor(to.y / down)); row++) {
    const end = Math.min(last.column, Math.floor(to.x / across));
    for (let column = Math.max(0, Math.floor(from.x / across)); column <= end; column++)
      cells.push({ level, column, row });
  }
  const distance = ({ column, row }: Cell) => Math.hypot((column + 0.5) * across - view.x, (row + 0.5) * down - view.y);
  return cells.sort((a, b) => distance(a) - distance(b));
}

/** The part of the map under a cell, in map pixels. */
export function extentOf(levels: readonly Level[], { level, column, row }: Cell) {
  const { factor, width, height, blockWidth, blockHeight } = levels[level];
  const columns = Math.min(blockWidth, width - column * blockWidth);
  const rows = Math.min(blockHeight, height - row * blockHeight);
  const [x, y] = [column * blockWidth * factor, row * blockHeight * factor];
  return { x, y, columns, rows, right: x + columns * factor, bottom: y + rows * factor };
}

/** The cells of a coarser level that lie under a cell. */
export function coverOf(levels: readonly Level[], cell: Cell, level: number): Cell[] {
  const { x, y, right, bottom } = extentOf(levels, cell);
  const { factor, blockWidth, blockHeight } = levels[level];
  const [across, down] = [blockWidth * factor, blockHeight * factor];
  const cells: Cell[] = [];
  for (let row = Math.floor(y / down); row * down < bottom; row++)
    for (let column = Math.floor(x / across); column * across < right; column++) cells.push({ level, column, row });
  return cells;
}
