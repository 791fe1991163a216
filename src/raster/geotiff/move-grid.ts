/**
 * @file The grid of a part of a raster, or of one with other pixels: its place moved in whatever tags state it, all other tags as they are.
 * Source: OGC GeoTIFF 1.1 (raster space, tie points, transformation); GDAL's RPC convention (lines and samples count from pixel centres).
 */
import type { GeoTag } from "../../cog/index.js";
import type { Grid, Transform } from "./georeference.js";
import { SCALE, TIES, MATRIX, RPC, isPixelCentred } from "./georeference.js";

/** Pixel (column, row) of the new grid begins at x + column scaleX, y + row scaleY of the old one. */
export interface Move {
  readonly x: number;
  readonly y: number;
  readonly scaleX: number;
  readonly scaleY: number;
  readonly width: number;
  readonly height: number;
}

/** The grid of the pixels a move names. */
export function moveGrid(grid: Grid, move: Move): Grid {
  const { width, height } = move;
  const transform = grid.transform && moveTransform(grid.transform, move);
  const half = isPixelCentred(grid.geoKeys) ? 0.5 : 0;
  const tags = grid.tags.map((tag) => moveTag(tag, move, half, transform));
  return { ...grid, width, height, ...(transform && { transform }), tags };
}

function moveTransform([x, a, b, y, d, e]: Transform, { x: column, y: row, scaleX, scaleY }: Move): Transform {
  return [x + column * a + row * b, a * scaleX, b * scaleY, y + column * d + row * e, d * scaleX, e * scaleY];
}

function moveTag({ tag, values }: GeoTag, move: Move, half: number, transform: Transform | undefined): GeoTag {
  if (typeof values === "string") return { tag, values };
  if (tag === RPC) return { tag, values: movePolynomials(values, move) };
  if (tag === TIES && !transform) return { tag, values: movePoints(values, move, half) };
  if (!transform) return { tag, values };
  const [x, a, b, y, d, e] = transform;
  const corner = [x + half * (a + b), y + half * (d + e)]; // or the centre of the first pixel, where tie points are centres
  if (tag === SCALE) return { tag, values: [values[0] * move.scaleX, values[1] * move.scaleY, ...values.slice(2)] };
  if (tag === TIES) return { tag, values: [0, 0, values[2], ...corner, values[5]] };
  if (tag !== MATRIX) return { tag, values };
  return { tag, values: [a, b, values[2], corner[0], d, e, values[6], corner[1], ...values.slice(8)] };
}

/** Ground control points: column, row, depth, x, y, z each. */
function movePoints(values: readonly number[], { x, y, scaleX, scaleY }: Move, half: number): number[] {
  return values.map((value, i) => {
    if (i % 6 === 0) return (value + half - x) / scaleX - half;
    if (i % 6 === 1) return (value + half - y) / scaleY - half;
    return value;
  });
}

/** Rational polynomials: line and sample offsets at 2 and 3, scales at 7 and 8. */
function movePolynomials(values: readonly number[], { x, y, scaleX, scaleY }: Move): number[] {
  const out = [...values];
  out[2] = (out[2] + 0.5 - y) / scaleY - 0.5;
  out[3] = (out[3] + 0.5 - x) / scaleX - 0.5;
  out[7] /= scaleY;
  out[8] /= scaleX;
  return out;
}
