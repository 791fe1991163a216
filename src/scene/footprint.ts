/** @file The outline of a raster on the earth: its border as GeoJSON in WGS 84, cut at 180 degrees. Source: RFC 7946. */
import type { Polygon, MultiPolygon } from "geojson";
import { isGeographic, type Point, type ReferenceSystem, transformer, WGS84 } from "../crs/index.js";
import { SegError } from "../errors.js";
import type { Grid, Transform } from "../raster/index.js";
import { cutAtAntimeridian } from "../vector/antimeridian.js";
import type { PolygonRings } from "../vector/feature.js";

/** An outline, and the west, south, east and north it lies between; west is the larger where it goes over 180 degrees. */
export interface Footprint {
  readonly geometry: Polygon | MultiPolygon;
  readonly bbox: readonly [number, number, number, number];
}

/** Points on each side: straight lines of a projection are bent on the earth. */
const POINTS = 16;

/** The outline of a grid; undefined where it has no place, or its system cannot be converted. */
export function footprintOf(grid: Grid, system: ReferenceSystem | undefined, subject: string): Footprint | undefined {
  if (!grid.transform || !system) return undefined;
  const convert = converter(system, subject);
  if (!convert) return undefined;
  const ring = borderOf(grid, grid.transform).map(convert);
  if (!ring.flat().every(Number.isFinite)) return undefined; // a corner beyond what the projection can show
  const outline = (isGeographic(system) ? wholeRound(ring) : undefined) ?? counterClockwise(ring, grid.transform);
  const polygons = cutAtAntimeridian([outline], !isGeographic(system));
  if (polygons.length === 0) return undefined;
  const coordinates = polygons.map((rings) => rings.map(positionsOf));
  if (coordinates.length === 1)
    return { geometry: { type: "Polygon", coordinates: coordinates[0] }, bbox: boxOf(polygons) };
  return { geometry: { type: "MultiPolygon", coordinates }, bbox: boxOf(polygons) };
}

/** Undefined where the datum is not tied to WGS 84: no outline is better than one beside the scene. */
function converter(system: ReferenceSystem, subject: string): ((point: Point) => Point) | undefined {
  try {
    const convert = transformer(system, WGS84, subject) ?? ((point: Point) => point);
    return isGeographic(system) ? (point) => runningOn(convert(point), point) : convert;
  } catch (error) {
    if (error instanceof SegError) return undefined;
    throw error;
  }
}

/** Degrees stay on the side of 180 they were on, and within the poles: rasters of centres reach half a pixel beyond. */
function runningOn([longitude, latitude]: Point, [given]: Point): Point {
  return [longitude + 360 * Math.round((given - longitude) / 360), Math.min(90, Math.max(-90, latitude))];
}

/** The map's own outline for a border in degrees that goes all the way round; undefined for others. */
function wholeRound(border: readonly Point[]): Float64Array | undefined {
  const [xs, ys] = [0, 1].map((axis) => border.map((point) => point[axis]));
  if (Math.max(...xs) - Math.min(...xs) < 360 - 1e-9) return undefined;
  const [south, north] = [Math.min(...ys), Math.max(...ys)];
  return Float64Array.of(-180, south, 180, south, 180, north, -180, north);
}

/** In pixels the border goes down first. Its area in degrees would tell nothing: one round a pole has none. */
function counterClockwise(border: readonly Point[], [, a, b, , d, e]: Transform): Float64Array {
  return Float64Array.from((a * e - b * d < 0 ? border : border.toReversed()).flat());
}

/** Places along the border, from the first pixel down its column, not closed. */
function borderOf({ width, height }: Grid, [x, a, b, y, d, e]: Transform): Point[] {
  const corners = [
    [0, 0],
    [0, height],
    [width, height],
    [width, 0],
  ];
  return corners.flatMap(([column, row], i) => {
    const [nextColumn, nextRow] = corners[(i + 1) % 4];
    return Array.from({ length: POINTS }, (_, k): Point => {
      const [c, r] = [column + ((nextColumn - column) * k) / POINTS, row + ((nextRow - row) * k) / POINTS];
      return [x + a * c + b * r, y + d * c + e * r];
    });
  });
}

/** Closed, with 7 decimals: a centimetre. */
function positionsOf(ring: Float64Array): number[][] {
  const positions = Array.from({ length: ring.length / 2 }, (_, i) => [rounded(ring[2 * i]), rounded(ring[2 * i + 1])]);
  return [...positions, positions[0]];
}

const rounded = (degrees: number) => Math.round(degrees * 1e7) / 1e7;

function boxOf(polygons: readonly PolygonRings[]): [number, number, number, number] {
  const boxes = polygons.map(([exterior]) => {
    const [xs, ys] = [0, 1].map((axis) => exterior.filter((_, i) => i % 2 === axis));
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  });
  const [south, north] = [Math.min(...boxes.map((box) => box[1])), Math.max(...boxes.map((box) => box[3]))];
  const [touchWest, touchEast] = [boxes.filter((box) => box[0] === -180), boxes.filter((box) => box[2] === 180)];
  const isSplit =
    boxes.length === 2 && touchWest.length === 1 && touchEast.length === 1 && touchWest[0] !== touchEast[0];
  const isOver = isSplit && touchEast[0][0] > touchWest[0][2]; // else the two meet, and go all the way round
  const west = isOver ? touchEast[0][0] : Math.min(...boxes.map((box) => box[0]));
  const east = isOver ? touchWest[0][2] : Math.max(...boxes.map((box) => box[2]));
  return [rounded(west), rounded(south), rounded(east), rounded(north)];
}
