/**
 * @file Reference systems that a GeoTIFF spells out by parameters instead of an EPSG code, as PROJ strings.
 * Source: OGC GeoTIFF 1.1 (19-008r4), annexes B to D; projection methods by the codes of GeoTIFF 1.0, section 6.3.3.3.
 */
import type { Grid } from "../raster/index.js";
import { type Frame, findSystem } from "./table.js";

type GeoKeys = Grid["geoKeys"];

/** A system by parameters: its frame is known to be so exact only where its datum is one of the table's. */
export interface Definition extends Omit<Frame, "text"> {
  readonly proj4: string;
  readonly name: string;
}

const KEY = {
  modelType: 1024,
  citation: 1026,
  geographic: 2048,
  datum: 2050,
  meridianCode: 2051,
  angularUnit: 2054,
  angularUnitSize: 2055,
  ellipsoid: 2056,
  semiMajor: 2057,
  semiMinor: 2058,
  inverseFlattening: 2059,
  meridian: 2061,
  shift: 2062,
  projectedCitation: 3073,
  conversion: 3074,
  method: 3075,
  linearUnit: 3076,
  linearUnitSize: 3077,
} as const;

const USER_DEFINED = 32767;

/** The definition of a raster's GeoKeys; undefined where they name something unknown here. */
export function defineByKeys(keys: GeoKeys): Definition | undefined {
  const frame = frameOf(keys);
  const projection = keys.get(KEY.modelType) === 2 ? geographicOf(keys) : projectionOf(keys);
  if (frame === undefined || projection === undefined) return undefined;
  const { text, ...certainty } = frame;
  return { proj4: `${projection} ${text} +no_defs`, name: nameOf(keys), ...certainty };
}

/** Coordinates are taken for degrees, so systems in other units are refused. */
const geographicOf = (keys: GeoKeys) => (Math.abs(degreesPerUnit(keys) - 1) < 1e-9 ? "+proj=longlat" : undefined);

function nameOf(keys: GeoKeys): string {
  const text = keys.get(KEY.projectedCitation) ?? keys.get(KEY.citation);
  return typeof text === "string" && /^[\x20-\x7e]+$/.test(text)
    ? text.replace(/\|.*$/, "").slice(0, 60)
    : "user-defined";
}

/** By the geographic system's code, the datum's (EPSG numbers both alike, 2000 apart), or the ellipsoid's size. */
function frameOf(keys: GeoKeys): Frame | undefined {
  const shift = keys.get(KEY.shift);
  const stated = Array.isArray(shift) && shift.length >= 3 ? ` +towgs84=${shift.join()}` : "";
  const known = findFrame(codeOf(keys, KEY.geographic)) ?? findFrame(codeOf(keys, KEY.datum) - 2000);
  if (known) return stated ? { text: known.text.replace(/ \+towgs84=\S+/, "") + stated } : known;
  const ellipsoid = ellipsoidOf(keys);
  if (ellipsoid === undefined) return undefined;
  const meridian = meridianOf(keys);
  if (meridian === undefined) return undefined;
  return { text: `${ellipsoid}${meridian === 0 ? "" : ` +pm=${meridian}`}${stated}` };
}

/** Prime meridians by EPSG code, in degrees east of Greenwich. */
const MERIDIANS: Readonly<Record<number, number>> = {
  8901: 0, // Greenwich
  8902: -9.1319061111, // Lisbon
  8903: 2.33722917, // Paris
  8904: -74.0809166667, // Bogota
  8905: -3.687375, // Madrid
  8906: 12.4523333333, // Rome
  8907: 7.4395833333, // Bern
  8908: 106.8077194444, // Jakarta
  8909: -17.6666666667, // Ferro
  8910: 4.367975, // Brussels
  8911: 18.0582777778, // Stockholm
  8912: 23.7163375, // Athens
  8913: 10.7229166667, // Oslo
  8914: 2.3372083333, // Paris RGS
};

/** Degrees of the prime meridian east of Greenwich: by its code, else by its longitude; undefined for a code that is not known here. */
function meridianOf(keys: GeoKeys): number | undefined {
  const code = codeOf(keys, KEY.meridianCode);
  return code === 0 ? (numberOf(keys, KEY.meridian) ?? 0) * degreesPerUnit(keys) : MERIDIANS[code];
}

function findFrame(code: number): Frame | undefined {
  const found = code > 0 ? findSystem(code) : undefined;
  return found?.projection === "+proj=longlat" ? found.frame : undefined;
}

/** Ellipsoids by EPSG code, those that files name without a datum. */
const ELLIPSOIDS: Readonly<Record<number, string>> = {
  7001: "airy",
  7004: "bessel",
  7008: "clrk66",
  7019: "GRS80",
  7022: "intl",
  7024: "krass",
  7030: "WGS84",
  7043: "WGS72",
};

function ellipsoidOf(keys: GeoKeys): string | undefined {
  const major = numberOf(keys, KEY.semiMajor);
  if (major === undefined) {
    const name = ELLIPSOIDS[codeOf(keys, KEY.ellipsoid)];
    return name && `+ellps=${name}`;
  }
  const minor = numberOf(keys, KEY.semiMinor);
  const inverse = numberOf(keys, KEY.inverseFlattening);
  if (inverse) return `+a=${major} +rf=${inverse}`;
  return `+a=${major} +b=${minor ?? major}`;
}

/** What a method's origin, parallels and scale are called in PROJ; each is the first of its keys that is present. */
interface Method {
  readonly proj: string;
  readonly parameters: readonly Parameter[];
  /** Words that follow from a parameter's value. */
  readonly extra?: (value: (parameter: Parameter) => number | undefined) => string;
}

const PARAMETERS = {
  lon_0: [3080, 3084, 3088, 3095],
  lat_0: [3081, 3085, 3089],
  lat_1: [3078],
  lat_2: [3079],
  lat_ts: [3078],
  k_0: [3092, 3093],
} as const;

type Parameter = keyof typeof PARAMETERS;

const AT_ORIGIN = ["lat_0", "lon_0"] as const;
const CONIC = ["lat_1", "lat_2", "lat_0", "lon_0"] as const;
const scaled = (proj: string): Method => ({ proj, parameters: ["lat_0", "lon_0", "k_0"] });

/**
 * Projection methods by the code of ProjMethodGeoKey. Left out: oblique Mercator and south-oriented systems, on which writers differ, and Robinson,
 * whose inverse is 2 m off in proj4js.
 */
const METHODS: Readonly<Record<number, Method>> = {
  1: scaled("tmerc"),
  7: { proj: "merc", parameters: ["lat_ts", "lon_0", "k_0"] },
  8: { proj: "lcc", parameters: CONIC },
  9: { proj: "lcc", parameters: ["lat_0", "lon_0", "k_0"], extra: (value) => `+lat_1=${value("lat_0") ?? 0}` },
  10: { proj: "laea", parameters: AT_ORIGIN },
  11: { proj: "aea", parameters: CONIC },
  12: { proj: "aeqd", parameters: AT_ORIGIN },
  13: { proj: "eqdc", parameters: CONIC },
  14: scaled("stere"),
  15: { proj: "stere", parameters: ["lon_0", "k_0"], extra: (value) => polar(value("lat_0") ?? 90) },
  16: scaled("sterea"),
  17: { proj: "eqc", parameters: ["lat_ts", "lat_0", "lon_0"] },
  18: { proj: "cass", parameters: AT_ORIGIN },
  19: { proj: "gnom", parameters: AT_ORIGIN },
  20: { proj: "mill", parameters: ["lon_0"] },
  21: { proj: "ortho", parameters: AT_ORIGIN },
  22: { proj: "poly", parameters: AT_ORIGIN },
  24: { proj: "sinu", parameters: ["lon_0"] },
  25: { proj: "vandg", parameters: ["lon_0"] },
  28: { proj: "cea", parameters: ["lat_ts", "lon_0"] },
};

/** A polar system's origin latitude is its true-scale parallel, on its pole's side. */
const polar = (latitude: number) => `+lat_0=${latitude < 0 ? -90 : 90} +lat_ts=${latitude}`;

function projectionOf(keys: GeoKeys): string | undefined {
  const metres = metresPerUnit(keys);
  if (metres === undefined) return undefined;
  const unit = metres === 1 ? "" : ` +to_meter=${metres}`;
  const conversion = codeOf(keys, KEY.conversion);
  const zone = conversion > 16100 ? conversion - 16100 : conversion - 16000;
  if (zone >= 1 && zone <= 60) return `+proj=utm +zone=${zone}${conversion > 16100 ? " +south" : ""}${unit}`;
  const method = METHODS[codeOf(keys, KEY.method)];
  return method && `${wordsOf(keys, method, metres)}${unit}`;
}

function wordsOf(keys: GeoKeys, { proj, parameters, extra }: Method, metres: number): string {
  const value = (parameter: Parameter) => {
    const found = firstOf(keys, PARAMETERS[parameter]);
    return found === undefined || parameter === "k_0" ? found : found * degreesPerUnit(keys);
  };
  const words = parameters.flatMap((parameter) => {
    const number = value(parameter);
    return number === undefined ? [] : [`+${parameter}=${number}`];
  });
  const x = (firstOf(keys, [3082, 3090, 3086]) ?? 0) * metres;
  const y = (firstOf(keys, [3083, 3091, 3087]) ?? 0) * metres;
  return [`+proj=${proj}`, ...words, ...(extra ? [extra(value)] : []), `+x_0=${x}`, `+y_0=${y}`].join(" ");
}

/** Metres of the projection's unit by EPSG code; coordinates in other units need their size stated. */
const LINEAR_UNITS: Readonly<Record<number, number>> = { 0: 1, 9001: 1, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000 };

const metresPerUnit = (keys: GeoKeys): number | undefined =>
  LINEAR_UNITS[numberOf(keys, KEY.linearUnit) ?? 0] ?? numberOf(keys, KEY.linearUnitSize);

const DEGREES: Readonly<Record<number, number>> = {
  0: 1,
  9101: 180 / Math.PI,
  9102: 1,
  9103: 1 / 60,
  9104: 1 / 3600,
  9105: 0.9,
  9106: 0.9,
};

/** Degrees of the angular unit; degrees where nothing is said, the stated size (in radians) for other units. */
const degreesPerUnit = (keys: GeoKeys): number =>
  DEGREES[numberOf(keys, KEY.angularUnit) ?? 0] ??
  ((numberOf(keys, KEY.angularUnitSize) ?? Math.PI / 180) * 180) / Math.PI;

/** A code; 0 for one that is absent or user-defined. */
function codeOf(keys: GeoKeys, key: number): number {
  const code = numberOf(keys, key);
  return code === undefined || code === USER_DEFINED ? 0 : code;
}

const numberOf = (keys: GeoKeys, key: number): number | undefined => {
  const value = keys.get(key);
  return typeof value === "number" ? value : undefined;
};

const firstOf = (keys: GeoKeys, wanted: readonly number[]): number | undefined =>
  wanted.map((key) => numberOf(keys, key)).find((value) => value !== undefined);
