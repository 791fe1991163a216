/**
 * @file Coordinates of one reference system to another, x before y (longitude before latitude) throughout; heights are left out.
 * Definitions: the EPSG code by table.json, else the parameters a GeoTIFF spells out; formulas: proj4js.
 */
import proj4 from "proj4";
import type { Ellipsoid } from "./area.js";
import { SegError } from "../errors.js";
import type { Grid } from "../raster/index.js";
import { findSystem } from "./table.js";
import { defineByKeys } from "./user-defined.js";

export { type Ellipsoid, geodesicArea } from "./area.js";
export { isGeographic, metresPerPixel, metresPerUnit } from "./units.js";

export type Point = readonly [number, number];

/** A reference system: its EPSG code where it has one, its name, and how PROJ spells it. */
export interface ReferenceSystem {
  readonly epsg?: number;
  readonly name: string;
  readonly proj4: string;
  /** How far places may be off on WGS 84, in metres, by the datum shift alone; undefined where nobody says. */
  readonly accuracy?: number;
  /** Whether a shift by grid file, which is not used here, would be more exact. */
  readonly gridHelps?: boolean;
}

/** Longitude and latitude of WGS 84: what GeoJSON is in unless it says otherwise. */
export const WGS84: ReferenceSystem = {
  epsg: 4326,
  name: "WGS 84",
  proj4: "+proj=longlat +datum=WGS84 +no_defs",
  accuracy: 0,
};

/** A system by its EPSG code; SegError, naming `subject`, for a code the table lacks. */
export function systemOfEpsg(code: number, subject: string): ReferenceSystem {
  const system = lookUp(code);
  if (!system) throw notConvertible(subject, `EPSG:${code} is not known here`);
  return system;
}

/** The system of a raster, by its EPSG code or its own parameters; undefined where it states none. SegError where neither is known. */
export function systemOfGrid({ epsg, geoKeys }: Grid, subject: string): ReferenceSystem | undefined {
  if (epsg === undefined && !geoKeys.has(1024)) return undefined;
  const code = isUserProjection(geoKeys) ? undefined : epsg;
  const system = (code !== undefined ? lookUp(code) : undefined) ?? defineByKeys(geoKeys);
  if (system) return system;
  throw notConvertible(
    subject,
    code === undefined ? "its user-defined system is not known here" : `EPSG:${code} is not known here`,
  );
}

/** Whether GeoKeys tell a projection by parameters: the geographic code then tells the datum only. */
export const isUserProjection = (geoKeys: Grid["geoKeys"]): boolean => geoKeys.get(1024) === 1 && !geoKeys.has(3072);

const notConvertible = (subject: string, reason: string) =>
  new SegError(
    subject,
    `CRS not convertible: ${reason}`,
    "use --crs native or --src-crs EPSG:N, or reproject it, e.g. with gdalwarp",
  );

function lookUp(code: number): ReferenceSystem | undefined {
  if (code === 4326) return WGS84;
  const found = findSystem(code);
  if (!found) return undefined;
  const { text, ...certainty } = found.frame;
  return { epsg: code, name: found.name, proj4: `${found.projection} ${text} +no_defs`, ...certainty };
}

/** The words of a definition that tell its datum: ellipsoid and shift. */
const datumOf = ({ proj4 }: ReferenceSystem): string =>
  (proj4.match(/\+(?:ellps|a|b|rf|R|datum|towgs84|nadgrids)=\S+/g) ?? []).join(" ");

/** The longitudes and latitudes a projected system is drawn from, from Greenwich, on its own datum. */
export const geographicOf = (system: ReferenceSystem): ReferenceSystem => ({
  name: `geographic system of ${system.name}`,
  proj4: `+proj=longlat ${datumOf(system)} +no_defs`,
});

/** The ellipsoid a system's latitudes are of: what areas in a geographic system are measured on. */
export function ellipsoidOf(system: ReferenceSystem): Ellipsoid {
  const isWeb = /\+nadgrids=@null\b/.test(system.proj4); // it draws latitudes of WGS 84 as if they were a sphere's
  const { a, es = 0 } = new proj4.Proj((isWeb ? WGS84 : system).proj4);
  return { semiMajorAxis: a, flattening: 1 - Math.sqrt(1 - es) };
}

/** Sentences for the user where a conversion shifts a datum by more than it is known to, and by more than a pixel, which is `pixel` metres wide. */
export function conversionRemarks(from: ReferenceSystem, to: ReferenceSystem, pixel: number): string[] {
  if (datumOf(from) === datumOf(to)) return [];
  return [from, to].map((system) => accuracyRemark(system, pixel)).filter((remark) => remark !== undefined);
}

/**
 * A sentence for the user where a system's places are known on WGS 84 less exactly than to `tolerance` metres, or to a metre, which is as exact as WGS 84
 * itself; undefined for the others.
 */
export function accuracyRemark(
  { epsg, name, accuracy, gridHelps }: ReferenceSystem,
  tolerance = 1,
): string | undefined {
  if (accuracy !== undefined && accuracy <= Math.max(1, tolerance)) return undefined;
  const subject = epsg === undefined ? `the user-defined system "${name}"` : `EPSG:${epsg} (${name})`;
  const size = accuracy === undefined ? "an accuracy nobody states" : `an accuracy of ~${Math.round(accuracy)} m`;
  return `${subject} is tied to WGS 84 with ${size}${gridHelps ? "; gdalwarp with PROJ's grid files is more exact" : ""}`;
}

/**
 * A function from one system's coordinates to another's, NaN for places without any; undefined where they are the same system. SegError, naming
 * `subject`, where a datum is not tied to WGS 84 here: the result could be off by a hundred metres and more.
 */
export function transformer(
  from: ReferenceSystem,
  to: ReferenceSystem,
  subject: string,
): ((point: Point) => Point) | undefined {
  if (from === to || (from.epsg !== undefined && from.epsg === to.epsg)) return undefined;
  const isOneDatum = datumOf(from) === datumOf(to);
  const loose = isOneDatum ? undefined : [from, to].find(({ proj4 }) => !isTiedToWgs84(proj4));
  if (loose) {
    const name = loose.epsg === undefined ? "its reference system" : `EPSG:${loose.epsg} (${loose.name})`;
    const reason = `the datum shift of ${name} is not known here, so places in another system would lie beside their objects`;
    throw new SegError(subject, reason, "bring both into one system, e.g. with ogr2ogr -t_srs");
  }
  if (from.proj4 === to.proj4) return undefined;
  const { forward } = proj4(from.proj4, to.proj4);
  return ([x, y]) => {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return [Number.NaN, Number.NaN]; // proj4js throws
    const [outX, outY] = forward([x, y], true); // true: systems that count westward or southward do so
    return [outX, outY];
  };
}

/**
 * Whether a definition says how its datum lies to WGS 84; systems on the ellipsoids of WGS 84 and GRS 80 do, to a metre or two, and spheres, which are
 * no datum, are given latitudes as they are (MODIS).
 */
const isTiedToWgs84 = (text: string): boolean =>
  /\+(towgs84|datum|nadgrids|R)=/.test(text) ||
  /\+ellps=(WGS84|GRS80|sphere)\b/.test(text) ||
  /\+a=6378137\b/.test(text) ||
  /\+a=(\S+) \+b=\1(\s|$)/.test(text);
