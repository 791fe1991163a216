/** @file A raster on the ground: from its lattice to polygons in the output's system, and what its pixels measure. */
import {
  conversionRemarks,
  isGeographic,
  isUserProjection,
  metresPerPixel,
  type Point,
  type ReferenceSystem,
  systemOfEpsg,
  systemOfGrid,
  transformer,
  WGS84,
} from "../crs/index.js";
import { SegError } from "../errors.js";
import type { GeoRaster, Transform } from "../raster/index.js";
import type { Talk } from "../talk.js";
import { cutAtAntimeridian } from "./antimeridian.js";
import { type PixelArea, pixelArea } from "./area.js";
import type { LayerSystem, PolygonRings } from "./feature.js";
import { placeOf } from "./place.js";
import { twiceSignedArea } from "./rings.js";

/** A raster's place in the output. */
export interface Placed {
  /** System of the coordinates; absent where it is not known. */
  readonly system?: LayerSystem;
  /** Absent where the raster's system is not known. */
  readonly area?: PixelArea;
  /** Decimals of coordinates in text. */
  readonly decimals?: number;
  /** Polygons of a region, from its exterior and holes on the lattice. */
  polygons(rings: readonly (readonly number[])[]): PolygonRings[];
}

/** Places a raster as asked: `crs` is `native` or EPSG:4326. SegError where that cannot be. */
export function placeRaster(
  raster: GeoRaster,
  { crs, sourceEpsg }: { readonly crs: string; readonly sourceEpsg?: number },
  talk: Talk,
): Placed {
  const { path, grid } = raster;
  const wanted = crs.toLowerCase();
  if (wanted !== "native" && wanted !== "epsg:4326")
    throw new SegError(`--crs ${crs}`, "is not written", "give native or EPSG:4326");
  const own = ownSystem(raster, sourceEpsg, wanted === "native");
  if (wanted === "native") {
    const stated = isUserProjection(grid.geoKeys) ? undefined : grid.epsg; // else its code is that of the datum
    return native(raster, own, own?.epsg ?? sourceEpsg ?? stated, talk);
  }
  if (!own)
    throw new SegError(path, "states no reference system", "give it with --src-crs EPSG:N, or take --crs native");
  return inWgs84(raster, own, talk);
}

/** The system given, else the one a raster states; one that is not known here does no harm where nothing is converted. */
function ownSystem(
  { grid, path }: GeoRaster,
  sourceEpsg: number | undefined,
  isNative: boolean,
): ReferenceSystem | undefined {
  try {
    return sourceEpsg === undefined ? systemOfGrid(grid, path) : systemOfEpsg(sourceEpsg, path);
  } catch (error) {
    if (isNative && error instanceof SegError) return undefined;
    throw error;
  }
}

/** Columns and rows where a raster has no place. */
const NOWHERE: Transform = [0, 1, 0, 0, 0, 1];

function native(raster: GeoRaster, own: ReferenceSystem | undefined, epsg: number | undefined, talk: Talk): Placed {
  const { grid, width, path } = raster;
  const transform = grid.transform ?? NOWHERE;
  if (epsg === undefined) talk.warn(`${path}: no EPSG code is known for its system, so the polygons carry none`);
  const place = placeOf({ transform, metresPerPixel: 1 });
  return {
    ...(epsg !== undefined && { system: { epsg, name: own?.name ?? nameOf(grid.geoKeys) } }),
    ...(own && grid.transform && { area: pixelArea(transform, own, width) }),
    polygons: (rings) => [rings.map((ring) => place.ring(ring))],
  };
}

/** What a raster calls its system. */
function nameOf(geoKeys: GeoRaster["grid"]["geoKeys"]): string | undefined {
  const name = geoKeys.get(1026) ?? geoKeys.get(3073) ?? geoKeys.get(2049);
  return typeof name === "string" ? name : undefined;
}

function inWgs84({ grid, width, path }: GeoRaster, own: ReferenceSystem, talk: Talk): Placed {
  const { transform } = grid;
  if (!transform) throw new SegError(path, "has no place on the ground", "take --crs native for pixel coordinates");
  const convert = transformer(own, WGS84, path);
  const known = convert && defined(convert, path);
  const runsOn = isGeographic(own);
  const metres = metresPerPixel(transform, own);
  for (const remark of conversionRemarks(own, WGS84, metres)) talk.warn(`${path}: ${remark}`);
  const decimals = decimalsFor(metres);
  const place = placeOf({
    transform,
    convert: known && runsOn ? runningOn(known, seamOf(transform, width)) : known,
    metresPerPixel: metres,
  });
  const ringsOf = (rings: readonly (readonly number[])[]) => rings.map((ring) => place.ring(ring));
  return {
    system: { epsg: 4326, name: "WGS 84" },
    area: pixelArea(transform, own, width),
    decimals,
    polygons: (rings) =>
      runsOn
        ? onEarth(ringsOf(rings)).flatMap((polygon) => cutAtAntimeridian(polygon, false, decimals))
        : cutAtAntimeridian(ringsOf(rings), convert !== undefined, decimals),
  };
}

/**
 * A conversion from another system of longitudes and latitudes, which are continuous already: results stay within half a turn of what they come from.
 * At the poles, which a datum's shift would move to one place, and on the sides of a raster that goes once round, which it would bend, longitudes are
 * those of the meridians on the equator.
 */
function runningOn(convert: (point: Point) => Point, seam: readonly number[]): (point: Point) => Point {
  return ([x, y]) => {
    const atPole = Math.abs(y) >= 90;
    const [onEquator] = atPole || seam.includes(x) ? convert([x, 0]) : [];
    const [longitude, latitude] = atPole ? [0, 90 * Math.sign(y)] : convert([x, y]);
    const meridian = onEquator ?? longitude;
    return [meridian + 360 * Math.round((x - meridian) / 360), latitude];
  };
}

/** West and east of a raster of longitudes that goes once round the earth. */
function seamOf([left, a, b, , d]: Transform, width: number): readonly number[] {
  return b === 0 && d === 0 && Math.abs(Math.abs(width * a) - 360) < 1e-9 ? [left, left + width * a] : [];
}

/** Rings with latitudes within -90..90, for rasters may reach half a pixel beyond the poles; no polygon where nothing else is. */
function onEarth(rings: readonly Float64Array[]): PolygonRings[] {
  if (rings.every((ring) => ring.every((value, i) => i % 2 === 0 || Math.abs(value) <= 90))) return [rings];
  const clamped = rings.map((ring) => ring.map((value, i) => (i % 2 ? Math.min(90, Math.max(-90, value)) : value)));
  const [exterior, ...holes] = clamped.map((ring) => (twiceSignedArea(ring) === 0 ? undefined : ring));
  return exterior ? [[exterior, ...holes.filter((hole) => hole !== undefined)]] : [];
}

/** A conversion that tells of places it has no result for. */
function defined(convert: (point: Point) => Point, path: string): (point: Point) => Point {
  return (point) => {
    const out = convert(point);
    if (Number.isFinite(out[0]) && Number.isFinite(out[1])) return out;
    throw new SegError(path, `has a corner without longitude and latitude (${point.join(", ")})`, "take --crs native");
  };
}

/** Seven, a centimetre; more where a pixel is less than 500 times the last one, else corners of fine outlines would meet. */
function decimalsFor(metres: number): number {
  return Math.min(12, Math.max(7, Math.ceil(Math.log10(500 / (metres / 111_320)))));
}
