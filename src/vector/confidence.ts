/** @file How sure a map is of its pixels: the band `confidence` of a raster beside it, scaled bytes or floats. */
import { existsSync } from "node:fs";
import { SegError } from "../errors.js";
import { areOfTwoRuns, type GeoRaster, openGeoTiff, probabilitiesOf } from "../raster/index.js";
import type { Talk } from "../talk.js";

/** An open confidence raster. */
export interface Confidence {
  readonly path: string;
  /** Confidence 0..1 of rows y .. y + rows, -1 where there is none; undefined where it is not known at all. */
  rows(y: number, rows: number): Promise<Float32Array | undefined>;
  /** Whether all rows could be read so far. */
  isWhole(): boolean;
  close(): Promise<void>;
}

/**
 * Opens the raster given, which must fit the map: SegError for one that does not. Else the one beside the map; nobody asked for it, so one that is
 * damaged, does not fit or is of another run is warned of and left alone, also where that shows later. Undefined where there is none.
 */
export async function openConfidence(
  given: string | undefined,
  map: GeoRaster,
  talk: Talk,
): Promise<Confidence | undefined> {
  if (given !== undefined) return opened(given, map);
  const path = probabilitiesOf(map.path);
  if (path === map.path || !existsSync(path)) return undefined;
  const ignored = (error: unknown) => {
    if (!(error instanceof SegError)) throw error;
    talk.warn(`${error.message}; polygons carry no confidence`);
  };
  try {
    return forgiving(await opened(path, map), ignored);
  } catch (error) {
    ignored(error);
    return undefined;
  }
}

async function opened(path: string, map: GeoRaster): Promise<Confidence> {
  const raster = await openGeoTiff(path);
  const isOnlyOne = raster.bands === 1 && raster.bandNames[0] === "";
  const band = isOnlyOne ? 0 : raster.bandNames.indexOf("confidence");
  const reason = misfit(raster, band, map);
  if (!reason) return confidenceOf(raster, band);
  await raster.close();
  throw new SegError(path, reason, "give the probability raster that was written with the map");
}

function misfit(raster: GeoRaster, band: number, map: GeoRaster): string | undefined {
  if (raster.width !== map.width || raster.height !== map.height)
    return `is ${raster.width} x ${raster.height}, the map ${map.width} x ${map.height} pixels`;
  if (areOfTwoRuns(raster, map)) return "comes of another run than the map: their items KEY differ";
  return band < 0 ? "has no band called confidence" : undefined;
}

function confidenceOf(raster: GeoRaster, band: number): Confidence {
  const item = (name: string, otherwise: number) => Number(raster.metadata.get(`${band}:${name}`) ?? otherwise);
  const scale = item("SCALE", 1);
  const offset = item("OFFSET", 0);
  return {
    path: raster.path,
    async rows(y, rows) {
      const { data, valid } = await raster.read({ x: 0, y, width: raster.width, height: rows }, [band]);
      return Float32Array.from(data, (value, i) =>
        valid && valid[i] === 0 ? -1 : Math.max(0, scale * value + offset),
      );
    },
    isWhole: () => true,
    close: () => raster.close(),
  };
}

/** The same, without a confidence anywhere once a part of it could not be read. */
function forgiving(confidence: Confidence, ignored: (error: unknown) => void): Confidence {
  let isWhole = true;
  return {
    ...confidence,
    async rows(y, rows) {
      if (!isWhole) return undefined;
      try {
        return await confidence.rows(y, rows);
      } catch (error) {
        isWhole = false;
        ignored(error);
        return undefined;
      }
    },
    isWhole: () => isWhole,
  };
}
