/** @file What goes with a class map: the names of its classes, and the raster of probabilities that `seg predict` writes beside it. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { categoriesOf } from "./geotiff/gdal-xml.js";
import type { GeoRaster } from "./geotiff/index.js";

/** Path of the probabilities of a class map: NAME.prob.tif, whichever way the map spells its ending. */
export const probabilitiesOf = (map: string): string => `${map.replace(/\.tiff?$/i, "")}.prob.tif`;

/** Whether two rasters say that they come of different runs: both have an item KEY, and not the same. */
export function areOfTwoRuns(a: Pick<GeoRaster, "metadata">, b: Pick<GeoRaster, "metadata">): boolean {
  const [one, other] = [a, b].map(({ metadata }) => metadata.get("KEY"));
  return one !== undefined && other !== undefined && one !== other;
}

/** Names by class number: the file's items CLASS_0, CLASS_1, ..., else the category names GDAL keeps in PATH.aux.xml. */
export async function classNames({
  path,
  metadata,
}: Pick<GeoRaster, "path" | "metadata">): Promise<Map<number, string>> {
  const names = new Map<number, string>();
  for (const [item, name] of metadata) {
    const number = /^CLASS_(\d{1,5})$/.exec(item)?.[1];
    if (number !== undefined) names.set(Number(number), name);
  }
  const beside = `${path}.aux.xml`;
  return names.size > 0 || !existsSync(beside)
    ? names
    : new Map(categoriesOf(await readFile(beside, "utf8")).entries());
}
