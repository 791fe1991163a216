/**
 * @file Square metres of a raster's pixels: in the plane for projected systems, on the ellipsoid for geographic ones, where the area between two
 * parallels and two meridians has a closed form (J. P. Snyder, Map Projections, USGS Professional Paper 1395, equations 3-11 and 3-12).
 */
import type { ReferenceSystem } from "../crs/index.js";
import type { Transform } from "../raster/index.js";

/** Area of a pixel in square metres: the same everywhere, or by row. */
export type PixelArea = { readonly each: number } | { readonly ofRow: (row: number) => number };

/** Area of the pixels of a raster; of rotated geographic rasters that of a pixel in the middle of the row. */
export function pixelArea(transform: Transform, system: ReferenceSystem, width: number): PixelArea {
  const [, a, b, , d, e] = transform;
  const planar = Math.abs(a * e - b * d);
  if (!/\+proj=longlat\b/.test(system.proj4)) return { each: planar * metresPerUnit(system.proj4) ** 2 };
  const ellipsoid = ellipsoidOf(system.proj4);
  const radians = Math.PI / 180;
  return {
    ofRow(row) {
      const middle = transform[3] + (width / 2) * d;
      const [y0, y1] = [middle + row * e, middle + (row + 1) * e];
      if (e === 0) return 0;
      const band = Math.abs(zone(y1 * radians, ellipsoid) - zone(y0 * radians, ellipsoid));
      return (band * planar * radians) / Math.abs(e);
    },
  };
}

interface Ellipsoid {
  readonly a: number;
  readonly eccentricity: number;
}

/** Area from the equator to a latitude, for one radian of longitude; latitudes beyond the poles count as the poles. */
function zone(latitude: number, { a, eccentricity: e }: Ellipsoid): number {
  const sine = Math.sin(Math.min(Math.PI / 2, Math.max(-Math.PI / 2, latitude)));
  if (e === 0) return a * a * sine;
  const es = e * sine;
  return (a * a * (1 - e * e) * (sine / (1 - es * es) + Math.atanh(es) / e)) / 2;
}

/** [a, 1 / flattening] as proj names them; others are some hundred metres off these at most. */
const ELLIPSOIDS: Readonly<Record<string, readonly [number, number]>> = {
  WGS84: [6_378_137, 298.257223563],
  GRS80: [6_378_137, 298.257222101],
  bessel: [6_377_397.155, 299.1528128],
  clrk66: [6_378_206.4, 294.9786982],
  clrk80: [6_378_249.145, 293.4663],
  intl: [6_378_388, 297],
  airy: [6_377_563.396, 299.3249646],
  krass: [6_378_245, 298.3],
  aust_SA: [6_378_160, 298.25],
};

function ellipsoidOf(proj4: string): Ellipsoid {
  const number = (name: string) => Number(new RegExp(`\\+${name}=([\\d.]+)`).exec(proj4)?.[1] ?? Number.NaN);
  const [namedA, namedRf] = ELLIPSOIDS[/\+ellps=(\w+)/.exec(proj4)?.[1] ?? "WGS84"] ?? ELLIPSOIDS.WGS84;
  const a = number("a") || namedA;
  const b = number("b");
  const flattening = b > 0 ? 1 - b / a : 1 / (number("rf") || namedRf);
  return { a, eccentricity: Math.sqrt(Math.max(0, flattening * (2 - flattening))) };
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
  return side * (/\+proj=longlat\b/.test(system.proj4) ? 111_320 : metresPerUnit(system.proj4));
}
