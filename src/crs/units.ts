/** @file How long the units of a system and the pixels of a raster are, in metres. Source: PROJ's list of units (cs2cs -lu). */
import type { Transform } from "../raster/index.js";
import type { ReferenceSystem } from "./index.js";

/** Metres of the units the table of systems names; others are spelt out there by their size. */
const UNITS: Readonly<Record<string, number>> = {
  m: 1,
  km: 1000,
  ft: 0.3048,
  "us-ft": 1200 / 3937,
  link: 0.201168,
};

/** Metres of a degree of latitude, roughly. */
const METRES_PER_DEGREE = 111_320;

/** Whether a system is one of longitudes and latitudes. */
export const isGeographic = ({ proj4 }: Pick<ReferenceSystem, "proj4">): boolean => /\+proj=longlat\b/.test(proj4);

/** Metres in a unit of a projected system, as its definition says. */
export function metresPerUnit(proj4: string): number {
  const factor = Number(/\+to_meter=([\d.eE+-]+)/.exec(proj4)?.[1] ?? Number.NaN);
  if (factor > 0) return factor;
  const name = /\+units=([\w-]+)/.exec(proj4)?.[1] ?? "m";
  const metres = UNITS[name];
  if (metres === undefined) throw new Error(`internal: the size of the unit ${name} is not known`);
  return metres;
}

/** Rough side of a raster's pixel in metres. */
export function metresPerPixel(transform: Transform, system: ReferenceSystem): number {
  const side = Math.sqrt(Math.abs(transform[1] * transform[5] - transform[2] * transform[4]));
  return side * (isGeographic(system) ? METRES_PER_DEGREE : metresPerUnit(system.proj4));
}
