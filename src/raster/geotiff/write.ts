/** @file A GeoTIFF written row by row: a COG of src/cog, and the names of its values beside it, for which GeoTIFF has no place. */
import { rm } from "node:fs/promises";
import { type CogOptions, type RowWriter, writeCog } from "../../cog/index.js";
import { writeFileAtomic } from "../../files.js";
import type { Color } from "../png.js";
import { categoriesXml } from "./gdal-xml.js";
import type { Grid } from "./georeference.js";

export interface GeoTiffOptions {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly dtype: CogOptions["dtype"];
  /** Place of the raster; its tags are carried over as they are. */
  readonly grid?: Grid;
  readonly nodata?: number;
  /** Colours of an 8-bit single-band raster by value; it is one of classes then, whose overviews are modes. */
  readonly colors?: ReadonlyMap<number, Color>;
  /** GDAL metadata items of the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Names of the values 0, 1, ...: they go into PATH.aux.xml, where GDAL looks. */
  readonly categories?: readonly string[];
}

/** Writes a GeoTIFF; `fill` must hand over exactly `height` rows. The file is whole or absent. */
export async function writeGeoTiff(
  path: string,
  { grid, categories, ...options }: GeoTiffOptions,
  fill: (writer: RowWriter) => Promise<void>,
): Promise<void> {
  const overviews = options.colors ? "mode" : "mean";
  await writeCog(path, { ...options, overviews, ...(grid && { geoTags: grid.tags }) }, fill);
  const names = `${path}.aux.xml`;
  if (categories) await writeFileAtomic(names, categoriesXml(categories));
  else await rm(names, { force: true }); // those of a raster that was there before
}
