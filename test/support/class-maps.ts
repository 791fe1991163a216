/** @file Small class maps that have every way regions can lie beside, within and at the corner of each other, and their polygons in memory. */
import { join } from "node:path";
import type { ClassSource } from "../../src/vector/class-rows.js";
import { polygonise, type PolygoniseOptions, type Region } from "../../src/vector/polygonise.js";
import { withScratchFile } from "../../src/vector/scratch.js";
import { withFolder } from "./folder.js";

/** A map of class numbers, row-major; 255 is nodata. */
export interface ClassMap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Numbers 0 .. 1 of a small generator, the same for a seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A map whose class at each pixel is a function's. */
export function mapOf(width: number, height: number, at: (x: number, y: number) => number): ClassMap {
  const data = Uint8Array.from({ length: width * height }, (_, i) => at(i % width, Math.floor(i / width)));
  return { width, height, data };
}

/** A map drawn as text: a digit a class, a dot for nodata. */
export function drawn(...rows: readonly string[]): ClassMap {
  return mapOf(rows[0].length, rows.length, (x, y) => (rows[y][x] === "." ? 255 : Number(rows[y][x])));
}

/** Patches of squares of `side`, noise at side 1; the last class is nodata if wished. */
export function patches(width: number, height: number, side: number, classes: number, seed: number, holes = false) {
  const random = randomOf(seed);
  const grid = Array.from({ length: width * height }, () => Math.floor(random() * classes));
  return mapOf(width, height, (x, y) => {
    const value = grid[Math.floor(y / side) * width + Math.floor(x / side)];
    return holes && value === classes - 1 ? 255 : value;
  });
}

/** Smooth blobs: the strongest of some waves at each pixel. */
export function blobs(width: number, height: number, classes: number, seed: number): ClassMap {
  const random = randomOf(seed);
  const wave = () => [random() * 0.5, random() * 0.5, random() * 6.28, random()];
  const waves = Array.from({ length: classes }, () => Array.from({ length: 5 }, wave));
  const strength = (of: number[][], x: number, y: number) =>
    of.reduce((sum, [a, b, phase, weight]) => sum + weight * Math.sin(a * x + b * y + phase), 0);
  return mapOf(width, height, (x, y) => {
    const all = waves.map((of) => strength(of, x, y));
    return all.indexOf(Math.max(...all));
  });
}

/** Maps by name. */
export const MAPS: Readonly<Record<string, ClassMap>> = {
  "one pixel": drawn("7"),
  "one class": mapOf(9, 5, () => 2),
  "all nodata": mapOf(4, 4, () => 255),
  checkerboard: mapOf(12, 11, (x, y) => (x + y) % 2),
  "checkerboard of nodata": mapOf(11, 12, (x, y) => ((x + y) % 2 ? 255 : 1)),
  "rings in rings": mapOf(21, 21, (x, y) => Math.max(Math.abs(x - 10), Math.abs(y - 10)) % 3),
  "lines of one pixel": mapOf(15, 14, (x, y) => (x % 3 === 0 ? 1 : y % 4 === 0 ? 2 : 3)),
  "a hole that touches the outline": drawn("11111", "10001", "10101", "10011", "11111"),
  "a ring closed at a corner only": drawn("01110", "01010", "01100", "00010", "00000"),
  "two holes that touch": drawn("1111", "1011", "1101", "1111"),
  "a figure of eight": drawn("11100", "10100", "11100", "00111", "00101", "00111"),
  "a spiral": drawn("1111111", "1000001", "1011101", "1010101", "1010001", "1011111", "1000000"),
  "an island amid nodata": drawn(".....", ".111.", ".121.", ".111.", "....."),
  "one row": drawn("1122211"),
  "one column": drawn("1", "1", "2", "1"),
  noise: patches(40, 33, 1, 3, 5),
  "noise with nodata": patches(37, 40, 1, 3, 6, true),
  patches: patches(48, 50, 3, 4, 7),
  "patches with nodata": patches(45, 50, 4, 4, 8, true),
  blobs: blobs(90, 80, 4, 9),
};

/** A map as what is vectorised, some rows at a time. */
export function sourceOf({ width, height, data }: ClassMap, blockHeight = 4): ClassSource {
  return {
    width,
    height,
    blockHeight,
    async read({ y, height: rows }) {
      const part = data.slice(y * width, (y + rows) * width);
      const valid = part.map((value) => (value === 255 ? 0 : 1));
      return { data: part, width, height: rows, bands: 1, ...(part.includes(255) && { valid }) };
    },
  };
}

/** All regions of a map. */
export function regionsOf(
  map: ClassMap,
  options: Partial<PolygoniseOptions> = {},
  blockHeight?: number,
): Promise<Region[]> {
  return withFolder((folder) =>
    withScratchFile(join(folder, "arcs"), join(folder, "map"), async (scratch) => {
      const regions: Region[] = [];
      for await (const region of polygonise(sourceOf(map, blockHeight), { scratch, ...options })) regions.push(region);
      return regions;
    }),
  );
}

/** The number of each pixel's component, from 1 in the order of their first pixels, 0 for nodata: by flooding. */
export function flooded({ width, height, data }: ClassMap): Int32Array {
  const labels = new Int32Array(width * height);
  let count = 0;
  for (let start = 0; start < labels.length; start++) {
    if (labels[start] !== 0 || data[start] === 255) continue;
    labels[start] = ++count;
    for (const stack = [start]; stack.length > 0; ) {
      for (const next of neighbours(stack.pop()!, width, height)) {
        if (labels[next] !== 0 || data[next] !== data[start]) continue;
        labels[next] = count;
        stack.push(next);
      }
    }
  }
  return labels;
}

/** Pixels that share an edge with one. */
export function neighbours(at: number, width: number, height: number): number[] {
  const x = at % width;
  return [
    ...(x > 0 ? [at - 1] : []),
    ...(x + 1 < width ? [at + 1] : []),
    ...(at >= width ? [at - width] : []),
    ...(at + width < width * height ? [at + width] : []),
  ];
}
