/** @file How sure a map is of its pixels: the band `confidence` of a raster beside it, scaled bytes or floats. */
import { existsSync } from "node:fs";
import { SegError } from "../errors.js";
import { type GeoRaster, openGeoTiff } from "../raster/index.js";

/** An open confidence raster. */
export interface Confidence {
  readonly path: string;
  /** Confidence 0..1 of rows y .. y + rows, -1 where there is none. */
  rows(y: number, rows: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The raster beside MAP.tif that holds its confidence: MAP.prob.tif. */
export const confidenceBeside = (map: string): string => map.replace(/(\.tiff?)$/i, ".prob$1");

/** Opens the raster given, which must fit the map, or the one beside the map where there is a fitting one; undefined where there is none. */
export async function openConfidence(given: string | undefined, map: GeoRaster): Promise<Confidence | undefined> {
  const path = given ?? confidenceBeside(map.path);
  if (given === undefined && (path === map.path || !existsSync(path))) return undefined;
  const raster = await openGeoTiff(path);
  const isOnlyOne = raster.bands === 1 && raster.bandNames[0] === "";
  const band = isOnlyOne ? 0 : raster.bandNames.indexOf("confidence");
  const reason =
    raster.width !== map.width || raster.height !== map.height
      ? `is ${raster.width} x ${raster.height}, the map ${map.width} x ${map.height} pixels`
      : band < 0 && "has no band called confidence";
  if (!reason) return confidenceOf(raster, band);
  await raster.close();
  if (given === undefined) return undefined;
  throw new SegError(path, reason, "give the probability raster that was written with the map");
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
    close: () => raster.close(),
  };
}
