/** @file The full image and its overviews: sizes in pixels and in blocks. Blocks are numbered row by row. */
import type { Plan } from "./options.js";

/** One image of the pyramid. */
export interface Level {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Blocks in a row and in a column. */
  readonly across: number;
  readonly down: number;
}

/** The image, then overviews of half the side each, rounded up, until the larger side fits into a block. */
export function levelsOf(plan: Plan): Level[] {
  const levels = [levelOf(plan.width, plan.height, plan.blockSize)];
  while (plan.overviews !== "none") {
    const { width, height } = levels[levels.length - 1];
    if (Math.max(width, height) <= plan.blockSize) break;
    levels.push(levelOf(Math.ceil(width / 2), Math.ceil(height / 2), plan.blockSize));
  }
  return levels;
}

const levelOf = (width: number, height: number, side: number): Level => ({
  width,
  height,
  across: Math.ceil(width / side),
  down: Math.ceil(height / side),
});

/** A part of the raster, pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The pixels of the raster a block holds; at the right and lower border fewer than the block has room for. */
export function extentOf({ width, height, across }: Level, side: number, index: number): Rectangle {
  const x = (index % across) * side;
  const y = Math.floor(index / across) * side;
  return { x, y, width: Math.min(side, width - x), height: Math.min(side, height - y) };
}
