/** @file Which blocks of which level of a picture in several sizes a view needs. */
import { type Size, toMap, type Viewport } from "./viewport.js";

/** One size of a picture: so many map pixels to one of its own along each axis, in blocks. */
export interface Level {
  readonly factorX: number;
  readonly factorY: number;
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

/** Map pixels to one pixel of a level, along the axis that was reduced more. */
export const stepOf = ({ factorX, factorY }: Level): number => Math.max(factorX, factorY);

/**
 * Full pixels to one of a reduced copy along each axis. Writers reduce by a whole step and round the sizes up or down, so that the step itself is
 * the ratio where there is one that explains both sizes; else the copy is stretched over the whole, as GDAL takes it.
 */
export function factorsOf(full: Size, copy: Size): { factorX: number; factorY: number } {
  const [across, down] = [full.width / copy.width, full.height / copy.height];
  const ratio = full.width >= full.height ? across : down; // the longer side tells it best
  const explains = (step: number) =>
    Math.abs(full.width / step - copy.width) < 1 && Math.abs(full.height / step - copy.height) < 1;
  const step = [2 ** Math.round(Math.log2(ratio)), Math.round(ratio)].find(explains);
  return { factorX: step ?? across, factorY: step ?? down };
}

/** A pixel of a level may be drawn this many times as large as one of the screen: half a level either way. */
const SHARPNESS = Math.SQRT2;

/** The coarsest level that is fine enough for a zoom; levels are sorted from fine to coarse. */
export function levelFor(levels: readonly Level[], zoom: number): number {
  let best = 0;
  for (const [i, level] of levels.entries()) if (stepOf(level) * zoom <= SHARPNESS) best = i;
  return best;
}

/** Cells on the screen. */
export interface Visible {
  /** Those in the middle first. */
  readonly cells: readonly Cell[];
  /** Whether there are more than may be asked for. */
  readonly isCut: boolean;
}

/** The cells of a level on the screen: at most `most`, around the middle, where there are more. */
export function visibleCells(
  levels: readonly Level[],
  level: number,
  view: Viewport,
  screen: Size,
  most = Number.POSITIVE_INFINITY,
): Visible {
  const { factorX, factorY, width, height, blockWidth, blockHeight } = levels[level];
  const from = toMap(view, screen, { x: 0, y: 0 });
  const to = toMap(view, screen, { x: screen.width, y: screen.height });
  const [across, down] = [blockWidth * factorX, blockHeight * factorY];
  const columns = rangeOf(from.x / across, to.x / across, Math.ceil(width / blockWidth));
  const rows = rangeOf(from.y / down, to.y / down, Math.ceil(height / blockHeight));
  const side = Math.max(1, Math.floor(Math.sqrt(most)));
  const isCut = columns.count * rows.count > most;
  const wide = isCut ? around(columns, view.x / across, Math.max(side, Math.floor(most / rows.count))) : columns;
  const tall = isCut ? around(rows, view.y / down, Math.max(1, Math.floor(most / wide.count))) : rows;
  const cells = Array.from({ length: wide.count * tall.count }, (_, i) => ({
    level,
    column: wide.first + (i % wide.count),
    row: tall.first + Math.floor(i / wide.count),
  }));
  const distance = ({ column, row }: Cell) => Math.hypot((column + 0.5) * across - view.x, (row + 0.5) * down - view.y);
  return { cells: cells.sort((a, b) => distance(a) - distance(b)), isCut };
}

interface Range {
  readonly first: number;
  readonly count: number;
}

/** Blocks of an axis between two positions, in blocks. */
function rangeOf(from: number, to: number, length: number): Range {
  const first = Math.max(0, Math.floor(from));
  return { first, count: Math.max(0, Math.min(length - 1, Math.floor(to)) - first + 1) };
}

/** At most `most` blocks of a range, around a position. */
function around({ first, count }: Range, middle: number, most: number): Range {
  const kept = Math.min(count, most);
  const wanted = Math.round(middle - kept / 2);
  return { first: Math.min(Math.max(wanted, first), first + count - kept), count: kept };
}

/** The part of the map under a cell, in map pixels. */
export function extentOf(levels: readonly Level[], { level, column, row }: Cell) {
  const { factorX, factorY, width, height, blockWidth, blockHeight } = levels[level];
  const columns = Math.min(blockWidth, width - column * blockWidth);
  const rows = Math.min(blockHeight, height - row * blockHeight);
  const [x, y] = [column * blockWidth * factorX, row * blockHeight * factorY];
  return { x, y, columns, rows, right: x + columns * factorX, bottom: y + rows * factorY };
}

/** The cells of a coarser level that lie under a cell. */
export function coverOf(levels: readonly Level[], cell: Cell, level: number): Cell[] {
  const { x, y, right, bottom } = extentOf(levels, cell);
  const { factorX, factorY, blockWidth, blockHeight } = levels[level];
  const [across, down] = [blockWidth * factorX, blockHeight * factorY];
  const cells: Cell[] = [];
  for (let row = Math.floor(y / down); row * down < bottom; row++)
    for (let column = Math.floor(x / across); column * across < right; column++) cells.push({ level, column, row });
  return cells;
}
