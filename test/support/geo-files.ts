/** @file Small GeoTIFFs and photos for tests, made by our own writers. */
import { join } from "node:path";
import sharp from "sharp";
import { type GeoTiffOptions, type Grid, makeGrid, writeGeoTiff } from "../../src/raster/index.js";
import { fill } from "./filler.js";

/** Folder of the shared real rasters. */
export const GEO = join(import.meta.dirname, "../../../shared/data/geo");

/** A place north of the equator: 10 m pixels in UTM zone 33. */
export const gridOf = (width: number, height: number): Grid =>
  makeGrid(width, height, [500_000, 10, 0, 5_800_000, 0, -10], 32633);

/** Noise that is smooth over some pixels, so that classes form patches: bytes [height, width, bands]. */
export function noise(width: number, height: number, bands: number, seed = 1): Uint8Array {
  const values = fill(seed, width * height * bands, 255);
  return Uint8Array.from(values, (value) => Math.round(value + 127.5));
}

/** Writes a scene of the values given; `more` may state dtype, nodata or another grid. */
export async function writeScene(
  path: string,
  [width, height, bands]: readonly [number, number, number],
  data: Uint8Array | Uint16Array | Float32Array = noise(width, height, bands),
  more: Partial<GeoTiffOptions> = {},
): Promise<string> {
  const options: GeoTiffOptions = { width, height, bands, dtype: "uint8", grid: gridOf(width, height), ...more };
  await writeGeoTiff(path, options, (writer) => writer.write(data));
  return path;
}

/** Writes an RGB photo of noise as PNG. */
export async function writePhoto(path: string, width = 70, height = 50, seed = 2): Promise<string> {
  await sharp(noise(width, height, 3, seed), { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path);
  return path;
}
