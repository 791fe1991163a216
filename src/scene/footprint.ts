/** @file The outline of a raster on the earth: its border as GeoJSON in WGS 84, cut at 180 degrees. Source: RFC 7946. */
import type { Polygon, MultiPolygon } from "geojson";
import { type Point, type ReferenceSystem, transformer, WGS84 } from "../crs/index.js";
import { SegError } from "../errors.js";
import type { Grid, Transform } from "../raster/index.js";
import { cutAtAntimeridian } from "../vector/antimeridian.js";
import type { PolygonRings } from "../vector/feature.js";
import { twiceSignedArea } from "../vector/rings.js";

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
  const ring = borderOf(grid, grid.transform).flatMap((place) => [...convert(place)]);
  if (!ring.every(Number.isFinite)) return undefined; // a corner beyond what the projection can show
  const polygons = cutAtAntimeridian([counterClockwise(Float64Array.from(ring))], system.epsg !== WGS84.epsg);
  const coordinates = polygons.map((rings) => rings.map(positionsOf));
  if (coordinates.length === 1)
    return { geometry: { type: "Polygon", coordinates: coordinates[0] }, bbox: boxOf(polygons) };
  return { geometry: { type: "MultiPolygon", coordinates }, bbox: boxOf(polygons) };
}

/** Undefined where the datum is not tied to WGS 84: no outline is better than one beside the scene. */
function converter(system: ReferenceSystem, subject: string): ((point: Point) => Point) | undefined {
  try {
    return transformer(system, WGS84, subject) ?? ((point) => point);
  } catch (error) {
    if (error instanceof SegError) return undefined;
    throw error;
  }
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

function counterClockwise(ring: Float64Array): Float64Array {
  if (twiceSignedArea(unrolled(ring)) >= 0) return ring;
  const points = Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i], ring[2 * i + 1]]);
  return Float64Array.from(points.reverse().flat());
}

/** The ring without jumps at 180 degrees, which would turn the sign of its area. */
function unrolled(ring: Float64Array): Float64Array {
  const out = ring.slice();
  for (let i = 2; i < out.length; i += 2) out[i] -= 360 * Math.round((out[i] - out[i - 2]) / 360);
  return out;
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
  const west = isSplit ? touchEast[0][0] : Math.min(...boxes.map((box) => box[0]));
  const east = isSplit ? touchWest[0][2] : Math.max(...boxes.map((box) => box[2]));
  return [rounded(west), rounded(south), rounded(east), rounded(north)];
}
