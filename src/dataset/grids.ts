/** @file Whether two rasters lie on the same pixels of the ground. */
import type { Grid } from "../raster/index.js";

/** Share of a pixel two grids may differ by: rounding of the tags, not a shift. */
const TOLERANCE = 0.01;

/**
 * How two grids of the same size differ, in words; undefined where they agree. A raster that states no place agrees with
 * any of its size: masks are often stored without.
 */
export function sameGrid(a: Grid, b: Grid): string | undefined {
  if (a.epsg !== undefined && b.epsg !== undefined && a.epsg !== b.epsg) return `EPSG:${b.epsg}, not EPSG:${a.epsg}`;
  if (!a.transform || !b.transform) return undefined;
  const [x, ax, bx, y, ay, by] = a.transform;
  const other = b.transform;
  const pixel = Math.min(Math.hypot(ax, ay), Math.hypot(bx, by));
  for (const [column, row] of [
    [0, 0],
    [a.width, 0],
    [0, a.height],
  ]) {
    const dx = other[0] + column * other[1] + row * other[2] - (x + column * ax + row * bx);
    const dy = other[3] + column * other[4] + row * other[5] - (y + column * ay + row * by);
    if (Math.hypot(dx, dy) > TOLERANCE * pixel)
      return `corner (${column}, ${row}) is ${(Math.hypot(dx, dy) / pixel).toFixed(2)} pixels off`;
  }
  return undefined;
}
