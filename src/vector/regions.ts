/**
 * @file Later passes: rows of region numbers, found again from the class rows and the root of each provisional label.
 * Live state: one row.
 */
import { NODATA } from "./class-rows.js";

/** Turns rows of classes, from the top down, into rows of regions: the root of each pixel's component, 0 for nodata. */
export function replayRegions(width: number, root: Uint32Array): (row: Int32Array) => Uint32Array {
  const above = new Int32Array(width).fill(NODATA);
  let regions = new Uint32Array(width);
  let regionsAbove = new Uint32Array(width);
  let label = 0;
  return (row) => {
    [regions, regionsAbove] = [regionsAbove, regions];
    for (let from = 0; from < width; ) {
      const value = row[from];
      let region = 0;
      let to = from;
      for (; to < width && row[to] === value; to++) if (above[to] === value) region = regionsAbove[to];
      if (region === 0 && value !== NODATA) region = root[++label];
      regions.fill(region, from, to);
      from = to;
    }
    above.set(row);
    return regions;
  };
}
