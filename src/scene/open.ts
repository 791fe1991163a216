/** @file A scene as it is to be mapped: the file or URL, what its alpha band is, and the part of it that is wanted. */
import type { Preprocessing } from "../preprocess.js";
import { type GeoRaster, openGeoTiff } from "../raster/index.js";

/** What scene is meant: plain data. */
export interface SceneSource {
  /** A file or an http(s) URL. */
  readonly path: string;
  /** What a band marked as alpha is; default a mask, unless the model reads it as a band. */
  readonly alpha?: "mask" | "band";
  /** Bytes of decoded blocks that are kept. */
  readonly cacheBytes?: number;
}

/** Opens a scene; an alpha band is a band where the model reads it: some files mark infrared so. */
export async function openScene(source: SceneSource, { bands }: Pick<Preprocessing, "bands">): Promise<GeoRaster> {
  const { path, alpha, cacheBytes } = source;
  const scene = await openGeoTiff(path, { alpha, cacheBytes });
  if (alpha !== undefined || !scene.hasAlpha || scene.bands >= Math.max(...bands) + 1) return scene;
  await scene.close();
  return openGeoTiff(path, { alpha: "band", cacheBytes });
}
