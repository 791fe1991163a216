/** @file A scene as it is to be mapped: the file or URL, what its alpha band is, and the part of it that is wanted. */
import type { Preprocessing } from "../preprocess.js";
import { type GeoRaster, openGeoTiff } from "../raster/index.js";
import { chooseRegion, type RegionOptions } from "./region.js";

/** What scene is meant: plain data. */
export interface SceneSource extends RegionOptions {
  /** A file or an http(s) URL. */
  readonly path: string;
  /** What a band marked as alpha is; default a mask, unless the model reads it as a band. */
  readonly alpha?: "mask" | "band";
  /** Bytes of decoded blocks that are kept; default 192 MiB. */
  readonly cacheBytes?: number;
  /** Whether a URL may lead to addresses of this machine or its network. */
  readonly allowPrivateHosts?: boolean;
}

/** Opens a scene; an alpha band is a band where the model reads it: some files mark infrared so. Rejects with SegError where there is no such part. */
export async function openScene(source: SceneSource, preprocessing: Pick<Preprocessing, "bands">): Promise<GeoRaster> {
  const scene = await openFile(source, preprocessing);
  try {
    return await chooseRegion(scene, source);
  } catch (error) {
    await scene.close();
    throw error;
  }
}

async function openFile(source: SceneSource, { bands }: Pick<Preprocessing, "bands">): Promise<GeoRaster> {
  const { path, alpha, cacheBytes, allowPrivateHosts } = source;
  const scene = await openGeoTiff(path, { alpha, cacheBytes, allowPrivateHosts });
  if (alpha !== undefined || !scene.hasAlpha || scene.bands >= Math.max(...bands) + 1) return scene;
  await scene.close();
  return openGeoTiff(path, { alpha: "band", cacheBytes, allowPrivateHosts });
}
