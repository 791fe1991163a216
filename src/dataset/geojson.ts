/**
 * @file Polygons of a GeoJSON file. Source: RFC 7946, and the `crs` member of the 2008 specification, which GDAL writes.
 * Coordinates stay in the file's own system, x before y.
 */
import { readFile, stat } from "node:fs/promises";
import { SegError } from "../errors.js";
import { type Point, type ReferenceSystem, systemOfEpsg, WGS84 } from "../crs/index.js";

/** An outer ring and its holes. */
export type Polygon = readonly (readonly Point[])[];

/** A feature with area; a multipolygon has several polygons. */
export interface PolygonFeature {
  readonly polygons: readonly Polygon[];
  readonly properties: Readonly<Record<string, unknown>>;
  /** Position in the file, from 0. */
  readonly index: number;
}

export interface PolygonFile {
  readonly path: string;
  readonly system: ReferenceSystem;
  readonly features: readonly PolygonFeature[];
  /** Features that have no area (points, lines, empty geometries). */
  readonly skipped: number;
}

/** Node's strings end at half a gigabyte. */
const MAX_BYTES = 2 ** 29 - 2 ** 24;

/** Reads a GeoJSON file; an empty file has no features, as in SpaceNet 1. SegError for anything else. */
export async function readPolygons(path: string): Promise<PolygonFile> {
  const text = await readVector(path);
  if (text.trim() === "") return { path, system: WGS84, features: [], skipped: 0 };
  const root = parseObject(path, text);
  const raw = featuresOf(path, root);
  const features: PolygonFeature[] = [];
  for (const [index, feature] of raw.entries()) {
    const { geometry, properties } = member(path, feature, `feature ${index}`);
    const polygons = polygonsOf(path, geometry, index);
    if (polygons.length > 0) features.push({ polygons, properties: isObject(properties) ? properties : {}, index });
  }
  return { path, system: systemOf(path, root.crs), features, skipped: raw.length - features.length };
}

async function readVector(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES)
      throw new SegError(path, "is larger than 500 MB", "cut it to the scenes, or burn it with gdal_rasterize");
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof SegError) throw cause;
    throw new SegError(path, "cannot be read", "check the path", 2, { cause });
  }
}

type JsonObject = Record<string, unknown>;
const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseObject(path: string, text: string): JsonObject {
  let root: unknown;
  try {
    root = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw new SegError(path, "is not JSON", "convert it with ogr2ogr -f GeoJSON", 2, { cause });
  }
  return member(path, root, "the file");
}

function member(path: string, value: unknown, what: string): JsonObject {
  if (isObject(value)) return value;
  throw new SegError(path, `${what} is not a GeoJSON object`, "convert it with ogr2ogr -f GeoJSON");
}

function featuresOf(path: string, root: JsonObject): unknown[] {
  if (root.type === "FeatureCollection" && Array.isArray(root.features)) return root.features;
  if (root.type === "Feature") return [root];
  if (typeof root.type === "string" && ("coordinates" in root || "geometries" in root)) return [{ geometry: root }];
  throw new SegError(path, `is not GeoJSON (type ${JSON.stringify(root.type)})`, "convert it with ogr2ogr -f GeoJSON");
}

function polygonsOf(path: string, geometry: unknown, index: number, depth = 0): Polygon[] {
  if (!isObject(geometry) || depth > 8) return [];
  const { type, coordinates, geometries } = geometry;
  if (type === "GeometryCollection" && Array.isArray(geometries)) {
    return geometries.flatMap((part) => polygonsOf(path, part, index, depth + 1));
  }
  if (type !== "Polygon" && type !== "MultiPolygon") return [];
  const parts = type === "Polygon" ? [coordinates] : coordinates;
  if (!Array.isArray(parts)) throw badCoordinates(path, index);
  return parts.map((rings) => toPolygon(path, rings, index)).filter((polygon) => polygon.length > 0);
}

function toPolygon(path: string, rings: unknown, index: number): Polygon {
  if (!Array.isArray(rings)) throw badCoordinates(path, index);
  return rings.map((ring) => {
    if (!Array.isArray(ring)) throw badCoordinates(path, index);
    return ring.map((position): Point => {
      const [x, y] = Array.isArray(position) ? position : [];
      if (typeof x !== "number" || typeof y !== "number") throw badCoordinates(path, index);
      return [x, y];
    });
  });
}

const badCoordinates = (path: string, index: number) =>
  new SegError(path, `feature ${index} has coordinates that are no polygon's`, "mend it, e.g. with ogr2ogr -makevalid");

/** `urn:ogc:def:crs:EPSG::32616`, `EPSG:32616`, or the CRS84 of GeoJSON itself. */
function systemOf(path: string, crs: unknown): ReferenceSystem {
  if (crs === undefined || crs === null) return WGS84;
  const name = isObject(crs) && isObject(crs.properties) ? String(crs.properties.name ?? "") : "";
  if (/CRS84$/i.test(name)) return WGS84;
  const code = /EPSG:[^:]*:?(\d+)$/i.exec(name)?.[1];
  if (code === undefined)
    throw new SegError(path, `crs "${name}" is not read`, "convert it with ogr2ogr -t_srs EPSG:4326");
  return systemOfEpsg(Number(code), path);
}
