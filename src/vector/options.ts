/** @file What may be asked of a class raster's polygons, and what of it cannot be. */
import { SegError } from "../errors.js";

/** What becomes of a class raster. */
export interface VectorizeOptions {
  /** FILE.geojson, FILE.geojsonl or FILE.fgb. */
  readonly out: string;
  /** Numbers or names of the classes written; default all. */
  readonly classes?: readonly (number | string)[];
  /** Regions below it join the neighbour with the longest shared border. */
  readonly minArea?: { readonly value: number; readonly unit: "pixels" | "m2" };
  /** Details below so many pixels are dropped from outlines; default 0: none. */
  readonly simplify?: number;
  /** `native`, or EPSG:4326; default EPSG:4326 for GeoJSON, native for FlatGeobuf. */
  readonly crs?: string;
  /** EPSG code of the raster, instead of what it says itself. */
  readonly sourceEpsg?: number;
  /** Default: the output's name without its ending. */
  readonly layer?: string;
  /** Raster with the map's confidence; default MAP.prob.tif where there is one. */
  readonly confidence?: string;
  /** Replace a file that is there. */
  readonly force?: boolean;
}

/** Refuses, by SegError, what no raster could be made of. */
export function checkOptions({ simplify = 0, minArea, classes }: VectorizeOptions): void {
  if (!(simplify >= 0 && simplify <= 1000))
    throw new SegError(`simplify ${simplify}`, "is no number of pixels from 0 to 1000", "give one, e.g. 2");
  if (minArea && !(minArea.value >= 0 && minArea.value < Number.POSITIVE_INFINITY))
    throw new SegError(`minArea ${minArea.value}`, "is no area", "give a number of pixels or of m2");
  if (minArea && minArea.unit !== "pixels" && minArea.unit !== "m2")
    throw new SegError(`minArea in ${minArea.unit}`, "is in an unknown unit", "give it in pixels or m2");
  if (classes?.length === 0) throw new SegError("classes", "names none", "leave it out to write all of them");
}
