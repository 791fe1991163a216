/** @file Where the pixels of a class map lie in its source scene: an offset and a scale for each axis. */
import type { GeoRaster, Transform } from "../raster/index.js";

/** Source position = offset + scale * map position; pixels, edges at whole numbers. */
export interface AxisPlace {
  readonly offset: number;
  readonly scale: number;
}

export interface Placement {
  readonly x: AxisPlace;
  readonly y: AxisPlace;
}

type Placed = Pick<GeoRaster, "width" | "height" | "grid">;

/** Grids agree where a pixel's corner is off by less than this part of a pixel. */
const TOLERANCE = 1e-3;

/** The map's place in the source, or why it has none. */
export function placeOf(map: Placed, source: Placed): Placement | string {
  const [to, from] = [map.grid.transform, source.grid.transform];
  if (!to || !from) {
    if (to === from && map.width === source.width && map.height === source.height) return IDENTITY;
    return "map and source have no place in common: one of them is not georeferenced, or their sizes differ";
  }
  const [own, other] = [map.grid.epsg, source.grid.epsg];
  if (own !== undefined && other !== undefined && own !== other)
    return `it is in EPSG:${other}, the map in EPSG:${own}`;
  const [ox, xx, xy, oy, yx, yy] = between(to, from);
  const [columns, rows] = [map.width, map.height];
  if (Math.abs(xy * rows) > TOLERANCE || Math.abs(yx * columns) > TOLERANCE || xx <= 0 || yy <= 0) {
    return "it is turned against the map";
  }
  const isOutside = ox >= source.width || oy >= source.height || ox + xx * columns <= 0 || oy + yy * rows <= 0;
  if (isOutside) return "it lies beside the map";
  return { x: { offset: tidy(ox), scale: tidy(xx) }, y: { offset: tidy(oy), scale: tidy(yy) } };
}

const IDENTITY: Placement = { x: { offset: 0, scale: 1 }, y: { offset: 0, scale: 1 } };

/** Transforms in degrees lose digits: what is a whole number but for those is one (and no negative zero). */
const tidy = (value: number) =>
  Math.abs(value - Math.round(value)) < TOLERANCE * 1e-3 ? Math.round(value) + 0 : value;

/** inverse(from) after to: pixels of one raster to pixels of another. */
function between(to: Transform, from: Transform): Transform {
  const [x0, a, b, y0, c, d] = from;
  const determinant = a * d - b * c;
  const inverse = (x: number, y: number): [number, number] => [
    (d * x - b * y) / determinant,
    (a * y - c * x) / determinant,
  ];
  const [ox, oy] = inverse(to[0] - x0, to[3] - y0);
  const [xx, yx] = inverse(to[1], to[4]);
  const [xy, yy] = inverse(to[2], to[5]);
  return [ox, xx, xy, oy, yx, yy];
}
