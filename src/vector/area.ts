/**
 * @file Square metres of a raster's pixels: in the plane for projected systems, on the ellipsoid for geographic ones, where the outlines of pixels are
 * parallels and meridians and their areas exact.
 */
import { ellipsoidOf, geodesicArea, isGeographic, type ReferenceSystem } from "../crs/index.js";
import type { Transform } from "../raster/index.js";

/** Area of a pixel in square metres: the same everywhere, or by row. */
export type PixelArea = { readonly each: number } | { readonly ofRow: (row: number) => number };

/** Area of the pixels of a raster; of rotated geographic rasters that of a pixel in the middle of the row. */
export function pixelArea(transform: Transform, system: ReferenceSystem, width: number): PixelArea {
  const [, a, b, top, d, e] = transform;
  const planar = Math.abs(a * e - b * d);
  if (!isGeographic(system)) return { each: planar * metresPerUnit(system.proj4) ** 2 };
  const ellipsoid = ellipsoidOf(system);
  const across = planar / Math.abs(e);
  const latitude = (row: number) => Math.min(90, Math.max(-90, top + (width / 2) * d + row * e));
  return {
    ofRow(row) {
      const [y0, y1] = [latitude(row), latitude(row + 1)];
      const ring = [
        [0, y0],
        [across, y0],
        [across, y1],
        [0, y1],
      ] as const;
      return Math.abs(geodesicArea(ring, ellipsoid));
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { m: 1, km: 1000, ft: 0.3048, "us-ft": 1200 / 3937 };

/** Metres in a unit of a projected system, as its definition says. */
export function metresPerUnit(proj4: string): number {
  const factor = Number(/\+to_meter=([\d.eE+-]+)/.exec(proj4)?.[1] ?? Number.NaN);
  return factor > 0 ? factor : (UNITS[/\+units=([\w-]+)/.exec(proj4)?.[1] ?? "m"] ?? 1);
}

/** Rough side of a pixel in metres. */
export function metresPerPixel(transform: Transform, system: ReferenceSystem): number {
  const side = Math.sqrt(Math.abs(transform[1] * transform[5] - transform[2] * transform[4]));
  return side * (isGeographic(system) ? 111_320 : metresPerUnit(system.proj4));
}
