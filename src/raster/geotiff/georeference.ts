/**
 * @file Where the pixels of a GeoTIFF lie on the ground: affine transform, coordinate system code, and the tags as stored.
 * Source: OGC GeoTIFF 1.1 (19-008r4) requirements classes on raster space and model transformation.
 */
import type { GeoTag } from "../../cog/index.js";
import { SegError } from "../../errors.js";
import type { Directory, RawTag } from "./directory.js";

export const SCALE = 33550;
export const TIES = 33922;
export const MATRIX = 34264;
const [GEO_KEYS, DOUBLE_PARAMETERS, ASCII_PARAMETERS] = [34735, 34736, 34737];
/** Rational polynomial coefficients. */
export const RPC = 50844;
/** Tags that place an image: scale, tie points, transformation, the three of the coordinate system, rational polynomials. */
export const GEO_TAGS = [SCALE, TIES, MATRIX, GEO_KEYS, DOUBLE_PARAMETERS, ASCII_PARAMETERS, RPC] as const;

const SHORT = 3;
/** Far more than any tag of these needs. */
const MOST_BYTES = 2 ** 20;

/** x = t[0] + column t[1] + row t[2], y = t[3] + column t[4] + row t[5]: GDAL's order; the corner of pixel (0, 0). */
export type Transform = readonly [number, number, number, number, number, number];

/** The place of a raster, enough to write another one on the same grid. */
export interface Grid {
  readonly width: number;
  readonly height: number;
  /** Undefined for a raster without a place, or one that has only ground control points. */
  readonly transform?: Transform;
  /** EPSG code of the projected, else the geographic system; undefined where user-defined or absent. */
  readonly epsg?: number;
  /** GeoKeys by number. */
  readonly geoKeys: ReadonlyMap<number, number | string | readonly number[]>;
  /** The tags of GEO_TAGS present, values as in `transform` before any half-pixel shift. */
  readonly tags: readonly GeoTag[];
}

/** The georeference of a directory. */
export async function readGrid(directory: Directory, width: number, height: number): Promise<Grid> {
  const tags: GeoTag[] = [];
  for (const tag of GEO_TAGS) {
    const values = await readTag(directory, tag);
    if (values !== undefined) tags.push({ tag, values });
  }
  const geoKeys = decodeGeoKeys(tags);
  const transform = readTransform(tags, isPixelCentred(geoKeys));
  const code = geoKeys.get(3072) ?? geoKeys.get(2048);
  const epsg = typeof code === "number" && code > 0 && code < 32767 ? code : undefined;
  return { width, height, ...(transform && { transform }), ...(epsg !== undefined && { epsg }), geoKeys, tags };
}

async function readTag(directory: Directory, tag: number): Promise<GeoTag["values"] | undefined> {
  if (tag === ASCII_PARAMETERS) return asciiParameters(await directory.raw(tag, MOST_BYTES));
  const isOdd = tag === GEO_KEYS && (await directory.raw(tag, MOST_BYTES))?.type !== SHORT;
  return isOdd ? undefined : directory.allNumbers(tag, MOST_BYTES);
}

/** Whether tie points are centres of pixels (PixelIsPoint), not corners. */
export const isPixelCentred = (geoKeys: Grid["geoKeys"]): boolean => geoKeys.get(1025) === 2;

/** The transform, and the way back: ground to pixel coordinates. SegError, naming `subject`, for a raster an affine transform does not place. */
export function requirePlace(grid: Grid, subject: string): { transform: Transform; toPixel: ToPixel } {
  const { transform, tags } = grid;
  if (!transform) {
    if (tags.some(({ tag }) => tag === RPC))
      throw new SegError(subject, "is placed by rational polynomials (RPC) only", "orthorectify it: gdalwarp -rpc");
    if ((numbersOf(tags, TIES)?.length ?? 0) > 6)
      throw new SegError(subject, "is placed by ground control points only", "warp it: gdalwarp -r near");
    throw new SegError(subject, "states no place on the ground", "georeference it, e.g. with gdal_edit -a_ullr");
  }
  const [x0, a, b, y0, d, e] = transform;
  const determinant = a * e - b * d;
  if (determinant === 0) throw new SegError(subject, "has a georeference without area", "georeference it again");
  const toPixel: ToPixel = ([x, y]) => [
    (e * (x - x0) - b * (y - y0)) / determinant,
    (a * (y - y0) - d * (x - x0)) / determinant,
  ];
  return { transform, toPixel };
}

/** Ground coordinates to pixel coordinates; (0, 0) is the outer corner of the first pixel. */
export type ToPixel = (point: readonly [number, number]) => [number, number];

/** ASCII parameters byte for byte, without the closing NUL the writer adds again. */
const asciiParameters = (raw: RawTag | undefined) => raw?.bytes.toString("latin1").replace(/\0$/, "");

const numbersOf = (tags: readonly GeoTag[], wanted: number): readonly number[] | undefined => {
  const values = tags.find(({ tag }) => tag === wanted)?.values;
  return typeof values === "string" ? undefined : values;
};

/** Grid tags of a north-up or rotated transform in a system given by EPSG code: what a new raster needs. */
export function makeGrid(width: number, height: number, transform: Transform, epsg: number, geographic = false): Grid {
  const keys = [1, 1, 0, 3, 1024, 0, 1, geographic ? 2 : 1, 1025, 0, 1, 1, geographic ? 2048 : 3072, 0, 1, epsg];
  const tags = [...transformTags(transform), { tag: GEO_KEYS, values: keys }];
  return { width, height, transform, epsg, geoKeys: decodeGeoKeys(tags), tags };
}

function transformTags([x, a, b, y, d, e]: Transform): GeoTag[] {
  if (b !== 0 || d !== 0) return [{ tag: MATRIX, values: [a, b, 0, x, d, e, 0, y, 0, 0, 0, 0, 0, 0, 0, 1] }];
  return [
    { tag: SCALE, values: [a, -e, 0] },
    { tag: TIES, values: [0, 0, 0, x, y, 0] },
  ];
}

/** GDAL's reading: one tie point with a scale, else a matrix; PixelIsPoint names centres, so half a pixel back. */
function readTransform(tags: readonly GeoTag[], pixelIsPoint: boolean): Transform | undefined {
  const matrix = numbersOf(tags, MATRIX);
  const scale = numbersOf(tags, SCALE);
  const tie = numbersOf(tags, TIES);
  let t: Transform | undefined;
  if (scale && scale.length >= 2 && scale[0] !== 0 && scale[1] !== 0 && tie && tie.length >= 6) {
    const down = Math.abs(scale[1]); // as GDAL, which ignores its sign
    t = [tie[3] - tie[0] * scale[0], scale[0], 0, tie[4] + tie[1] * down, 0, -down];
  } else if (matrix && matrix.length >= 8) {
    t = [matrix[3], matrix[0], matrix[1], matrix[7], matrix[4], matrix[5]];
  }
  if (!t || isIdentity(t)) return undefined; // what GDAL writes for a raster without a place
  if (!pixelIsPoint) return t;
  return [t[0] - 0.5 * (t[1] + t[2]), t[1], t[2], t[3] - 0.5 * (t[4] + t[5]), t[4], t[5]];
}

const isIdentity = (t: Transform) => t.every((value, i) => value === (i === 1 || i === 5 ? 1 : 0));

function decodeGeoKeys(tags: readonly GeoTag[]): Map<number, number | string | readonly number[]> {
  const out = new Map<number, number | string | readonly number[]>();
  const shorts = numbersOf(tags, GEO_KEYS) ?? [];
  const doubles = numbersOf(tags, DOUBLE_PARAMETERS) ?? [];
  const text = String(tags.find(({ tag }) => tag === ASCII_PARAMETERS)?.values ?? "");
  const count = Math.min(shorts[3] ?? 0, Math.floor((shorts.length - 4) / 4));
  for (let i = 0; i < count; i++) {
    const [key, place, length, value] = shorts.slice(4 + 4 * i, 8 + 4 * i);
    if (place === 0) out.set(key, value);
    else if (place === ASCII_PARAMETERS) out.set(key, text.slice(value, value + length).replace(/[|\0]+$/, ""));
    else if (place === DOUBLE_PARAMETERS)
      out.set(key, length === 1 ? doubles[value] : doubles.slice(value, value + length));
  }
  return out;
}
