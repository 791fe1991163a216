/**
 * @file Square metres of a raster's pixels: on the ellipsoid for geographic systems and cylindrical ones that stretch areas, where the outlines of pixels
 * are parallels and meridians and their areas exact; in the plane for the other projected systems.
 */
import {
  ellipsoidOf,
  geodesicArea,
  geographicOf,
  isGeographic,
  metresPerUnit,
  type ReferenceSystem,
  transformer,
} from "../crs/index.js";
import type { Transform } from "../raster/index.js";
import type { CellArea } from "./components.js";

/** Area of a pixel in square metres: the same everywhere, by row, or by row and column. */
export type PixelArea = { readonly each: number } | { readonly ofRow: (row: number) => CellArea };

/** Area of the pixels of a raster, `width` pixels wide. */
export function pixelArea(transform: Transform, system: ReferenceSystem, width: number): PixelArea {
  if (isGeographic(system)) return { ofRow: geographicRows(transform, system, width) };
  const [, a, b, , d, e] = transform;
  const isUpright = b === 0 && d === 0;
  if (isUpright && isStretched(system)) return { ofRow: cylinderRows(transform, system) };
  return { each: Math.abs(a * e - b * d) * metresPerUnit(system.proj4) ** 2 };
}

/** Mercator's projections and others whose parallels are level and whose scale grows with latitude. */
const isStretched = ({ proj4 }: ReferenceSystem) => /\+proj=(merc|webmerc|eqc|mill)\b/.test(proj4);

function geographicRows([, a, b, top, d, e]: Transform, system: ReferenceSystem, width: number) {
  const band = bandArea(system);
  const half = (Math.abs(d) + Math.abs(e)) / 2;
  const across = Math.abs(a * e - b * d) / (2 * half); // degrees of longitude of a rectangle as high and as large as the pixel
  const at = (row: number, column: number): number => {
    const latitude = top + (column + 0.5) * d + (row + 0.5) * e;
    return across * band(latitude - half, latitude + half);
  };
  return (row: number): CellArea =>
    d === 0 ? at(row, 0) : Float64Array.from({ length: width }, (_, column) => at(row, column));
}

function cylinderRows([left, a, , top, , e]: Transform, system: ReferenceSystem) {
  const geographic = geographicOf(system);
  const band = bandArea(system);
  const convert = transformer(system, geographic, system.name) ?? ((point) => point);
  const turn = Math.abs(convert([left + a, top])[0] - convert([left, top])[0]);
  const across = Math.min(turn, 360 - turn);
  const latitude = (row: number) => convert([left, top + row * e])[1];
  return (row: number): CellArea => across * band(latitude(row), latitude(row + 1));
}

/** Square metres between two latitudes, a degree of longitude wide. */
function bandArea(system: ReferenceSystem): (from: number, to: number) => number {
  const ellipsoid = ellipsoidOf(system);
  const onEarth = (latitude: number) => Math.min(90, Math.max(-90, latitude));
  return (from, to) => {
    const [y0, y1] = [onEarth(from), onEarth(to)];
    const ring = [
      [0, y0],
      [1, y0],
      [1, y1],
      [0, y1],
    ] as const;
    return Math.abs(geodesicArea(ring, ellipsoid));
  };
}
