/** @file A class map and the probabilities beside it, opened for a view: checked, and described for the page. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { SegError } from "../errors.js";
import {
  classNames,
  type Color,
  defaultPalette,
  type GeoRaster,
  openGeoTiff,
  probabilitiesOf,
} from "../raster/index.js";
import type { ClassEntry, ViewMeta } from "./page/meta.js";
import type { MapSummary } from "./summary.js";

/** Largest number of pixels read to count classes. */
const MOST_COUNTED = 2 ** 22;

/** Opens a class map; SegError for what is none. */
export async function openClassMap(path: string): Promise<GeoRaster> {
  if (/^https?:/i.test(path))
    throw new SegError(path, "is not on this machine", "download the map; --source may be a URL");
  const map = await openGeoTiff(path, { alpha: "band" });
  if (map.bands === 1 && map.dtype === "uint8") return map;
  await map.close();
  const reason = `is no class map: it holds ${map.bands} band(s) of ${map.dtype}, not one of uint8`;
  throw new SegError(path, reason, "give what seg predict wrote for a scene");
}

/** Opens the probabilities of a map where there are some that fit it; `warn` hears of those that do not. */
export async function openProbabilities(map: GeoRaster, warn: (line: string) => void): Promise<GeoRaster | undefined> {
  const path = probabilitiesOf(map.path);
  if (!existsSync(path)) return undefined;
  const raster = await openGeoTiff(path, { alpha: "band" });
  if (raster.width === map.width && raster.height === map.height) return raster;
  await raster.close();
  warn(`${path}: is of another size than the map and not shown`);
  return undefined;
}

/** What the page is told, but for the source. */
export async function describeMap(
  map: GeoRaster,
  probabilities: GeoRaster | undefined,
  summary: MapSummary,
  bytes: number,
): Promise<Omit<ViewMeta, "source">> {
  const { width, height, nodata, grid } = map;
  const counts = summary.shares.size > 0 ? undefined : await countClasses(map);
  const classes = (await classesOf(map, counts)).map((entry) => {
    const share = counts ? (counts.pixels[entry.value] ?? 0) / counts.total : summary.shares.get(entry.name);
    return share === undefined || Number.isNaN(share) ? entry : { ...entry, share };
  });
  return {
    ...{ name: basename(map.path), width, height, classes, bytes, figures: summary.figures },
    ...(nodata !== undefined && { nodata }),
    ...(!counts ? { sharesAre: "exact" as const } : counts.total > 0 && { sharesAre: counts.precision }),
    ...(probabilities && { probability: probabilityMeta(probabilities) }),
    ...(grid.transform && { transform: grid.transform }),
    ...systemOf(map),
  };
}

/** Named classes, else the values the colour map paints, else those that were seen. */
async function classesOf(map: GeoRaster, counts: Counts | undefined): Promise<ClassEntry[]> {
  const names = await classNames(map);
  const named = Array.from({ length: Math.min(256, 1 + Math.max(-1, ...names.keys())) }, (_, value) => value);
  const values = named.length > 0 ? named : unnamedValues(map, counts);
  const usual = defaultPalette(Math.max(0, ...values) + 1);
  return values
    .filter((value) => value !== map.nodata)
    .map((value) => ({
      value,
      name: names.get(value) || `class ${value}`,
      color: colorOf(map, value) ?? usual[value],
    }));
}

function unnamedValues(map: GeoRaster, counts: Counts | undefined): number[] {
  const all = Array.from({ length: 256 }, (_, value) => value);
  const painted = all.filter((value) => (colorOf(map, value) ?? [0, 0, 0]).some((channel) => channel > 0));
  return painted.length > 0 ? painted : all.filter((value) => (counts?.pixels[value] ?? 0) > 0);
}

function colorOf({ colorMap }: GeoRaster, value: number): Color | undefined {
  if (!colorMap) return undefined;
  return [colorMap[3 * value], colorMap[3 * value + 1], colorMap[3 * value + 2]];
}

interface Counts {
  readonly pixels: Float64Array;
  /** Pixels that hold data. */
  readonly total: number;
  readonly precision: "exact" | "about";
}

/** Pixels of each value: of the whole map where it is small, else of its smallest reduced copy; undefined without one. */
async function countClasses(map: GeoRaster): Promise<Counts | undefined> {
  if (map.width * map.height <= MOST_COUNTED) return countAll(map, "exact");
  const sizes = map.overviews.map(({ width, height }) => width * height);
  const overview = sizes.indexOf(Math.min(...sizes));
  if (overview < 0 || sizes[overview] > MOST_COUNTED) return undefined;
  const read: GeoRaster["read"] = (window, bands) => map.readLevel(overview + 1, window, bands);
  return countAll({ ...map.overviews[overview], nodata: map.nodata, read }, "about");
}

async function countAll(
  raster: Pick<GeoRaster, "width" | "height" | "nodata" | "read">,
  precision: Counts["precision"],
): Promise<Counts> {
  const { width, height, nodata } = raster;
  const { data } = await raster.read({ x: 0, y: 0, width, height });
  const pixels = new Float64Array(256);
  for (const value of data) pixels[value]++;
  if (nodata !== undefined && nodata >= 0 && nodata < 256) pixels[nodata] = 0;
  return { pixels, total: pixels.reduce((sum, count) => sum + count, 0), precision };
}

/** Bytes are 254ths, as `seg predict` writes them; other types are shares as they are. */
function probabilityMeta({ bandNames, dtype, nodata }: GeoRaster): ViewMeta["probability"] {
  const bands = bandNames.map((name, i) => name || `band ${i + 1}`);
  return { bands, scale: dtype === "uint8" ? 1 / 254 : 1, ...(nodata !== undefined && { nodata }) };
}

/** Name and unit by the GeoKeys: citations, else the EPSG code. */
function systemOf({ grid }: GeoRaster): Pick<ViewMeta, "system" | "unit"> {
  const { geoKeys, epsg } = grid;
  const citation = [3073, 2049, 1026]
    .map((key) => geoKeys.get(key))
    .find((text) => typeof text === "string" && text !== "");
  const code = epsg === undefined ? undefined : `EPSG:${epsg}`;
  const system = [code, citation].filter((text) => text !== undefined).join(", ");
  const isMetric = geoKeys.get(1024) === 1 && [undefined, 9001].includes(geoKeys.get(3076) as number | undefined);
  const unit = isMetric ? "m" : geoKeys.get(1024) === 2 ? "°" : undefined;
  return { ...(system !== "" && { system: String(system).slice(0, 200) }), ...(unit && { unit }) };
}
