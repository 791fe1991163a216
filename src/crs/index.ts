/**
 * @file Coordinates of one reference system to another, x before y (longitude before latitude) throughout.
 * Definitions: the EPSG tables of geotiff-geokeys-to-proj4; formulas: proj4js. Datum shifts: datums.ts.
 */
import { shiftOf, tiedToWgs84 } from "./datums.js";
import { geoKeyNames } from "./geo-key-names.js";
import { toProj4 } from "geotiff-geokeys-to-proj4";
import proj4 from "proj4";
import type { Grid } from "../raster/index.js";
import { SegError } from "../errors.js";

export type Point = readonly [number, number];

/** A reference system: its EPSG code where it has one, and how proj4 spells it. */
export interface ReferenceSystem {
  readonly epsg?: number;
  readonly proj4: string;
}

/** Longitude and latitude of WGS 84: what GeoJSON is in unless it says otherwise. */
export const WGS84: ReferenceSystem = { epsg: 4326, proj4: "+proj=longlat +datum=WGS84 +no_defs" };

/** A system by its EPSG code; SegError, naming `subject`, for a code the tables lack. */
export function systemOfEpsg(code: number, subject: string): ReferenceSystem {
  if (code === 4326) return WGS84;
  const text = define({ ProjectedCSTypeGeoKey: code }, subject, `EPSG:${code}`);
  return { epsg: code, proj4: /\+towgs84=/.test(text) ? text : text + shiftOf(code) };
}

/** The system of a raster, by its EPSG code or its own parameters; undefined where it states none. */
export function systemOfGrid(grid: Grid, subject: string): ReferenceSystem | undefined {
  if (grid.epsg !== undefined) return systemOfEpsg(grid.epsg, subject);
  if (!grid.geoKeys.has(1024)) return undefined;
  const keys: Record<string, unknown> = {};
  for (const [key, value] of grid.geoKeys) if (geoKeyNames[key]) keys[geoKeyNames[key]] = value;
  return { proj4: define(keys, subject, "its user-defined reference system") };
}

type GeoKeys = Parameters<typeof toProj4>[0];

function define(keys: Record<string, unknown>, subject: string, what: string): string {
  const { proj4: text, errors } = toProj4(keys as unknown as GeoKeys); // all keys but those present are optional
  const unknown = Object.keys(errors ?? {}).length > 0;
  if (unknown)
    throw new SegError(subject, `${what} is not known here`, "reproject it, e.g. with gdalwarp -t_srs EPSG:4326");
  return withPole(text.replace(/\+axis=\S+/, "")); // our order is x, y whatever the system's own is
}

/** Polar stereographic systems come without the pole they are about: it is the one on the side of the true-scale parallel. */
function withPole(text: string): string {
  const parallel = /\+proj=stere\b/.test(text) && !/\+lat_0=/.test(text) ? /\+lat_ts=(-?[\d.]+)/.exec(text) : null;
  return parallel ? `${text} +lat_0=${Number(parallel[1]) < 0 ? -90 : 90}` : text;
}

/**
 * A function from one system's coordinates to another's; undefined where they are the same system. SegError, naming `subject`,
 * where a datum is not tied to WGS 84 here: the result could be off by a hundred metres and more.
 */
export function transformer(
  from: ReferenceSystem,
  to: ReferenceSystem,
  subject: string,
): ((point: Point) => Point) | undefined {
  if (from.proj4 === to.proj4 || (from.epsg !== undefined && from.epsg === to.epsg)) return undefined;
  const loose = [from, to].find((system) => !tiedToWgs84(system.proj4));
  if (loose) {
    const name = loose.epsg === undefined ? "its reference system" : `EPSG:${loose.epsg}`;
    const reason = `the datum shift of ${name} is not known here, so labels in another system would lie beside their objects`;
    throw new SegError(subject, reason, "bring labels and scene into one system, e.g. with ogr2ogr -t_srs");
  }
  const { forward } = proj4(from.proj4, to.proj4);
  return ([x, y]) => {
    const [outX, outY] = forward([x, y]);
    return [outX, outY];
  };
}
