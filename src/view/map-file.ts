/** @file A class map and the probabilities beside it, opened for a view: checked, and described for the page. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { errorLine, SegError } from "../errors.js";
import {
  areOfTwoRuns,
  classNames,
  type Color,
  defaultPalette,
  type GeoRaster,
  isUrl,
  openGeoTiff,
  probabilitiesOf,
} from "../raster/index.js";
import type { ClassEntry, ViewMeta } from "./page/meta.js";
import type { MapSummary } from "./summary.js";

/** Largest number of pixels read to count classes. */
const MOST_COUNTED = 2 ** 22;

/** Opens a class map; SegError for what is none. */
export async function openClassMap(path: string): Promise<GeoRaster> {
  if (isUrl(path)) throw new SegError(path, "is not on this machine", "download the map; --source may be a URL");
  const map = await openGeoTiff(path, { alpha: "band" });
  if (map.bands === 1 && map.dtype === "uint8") return map;
  await map.close();
  const reason = `is no class map: it holds ${map.bands} band(s) of ${map.dtype}, not one of uint8`;
  throw new SegError(path, reason, "give what seg predict wrote for a scene");
}

/** Opens the probabilities of a map where there are some that belong to it; `warn` hears why those beside it are not shown. */
export async function openProbabilities(map: GeoRaster, warn: (line: string) => void): Promise<GeoRaster | undefined> {
  const path = probabilitiesOf(map.path);
  if (!existsSync(path)) return undefined;
  try {
    const raster = await openGeoTiff(path, { alpha: "band" });
    const reason = mismatch(map, raster);
    if (reason === undefined) return raster;
    await raster.close();
    warn(`${path}: ${reason} and not shown`);
  } catch (error) {
    warn(`${errorLine(error)} (the map is shown without probabilities)`); // nobody asked for them
  }
  return undefined;
}

/** Why a file of probabilities is not the map's: its size, or a run of other scenes or settings (item KEY). */
function mismatch(map: GeoRaster, probabilities: GeoRaster): string | undefined {
  if (areOfTwoRuns(map, probabilities)) return "is of another run than the map";
  const isAsLarge = probabilities.width === map.width && probabilities.height === map.height;
  return isAsLarge ? undefined : "is of another size than the map";
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

/** Classes the file names, else the values its colour map paints, and all others there are or may be. */
async function classesOf(map: GeoRaster, counts: Counts | undefined): Promise<ClassEntry[]> {
  const names = await classNames(map);
  const named = BYTES.slice(0, 1 + Math.max(-1, ...names.keys()));
  const known = named.length > 0 ? named : BYTES.filter((value) => isPainted(map, value));
  const seen = BYTES.filter((value) => (counts?.pixels[value] ?? 0) > 0);
  const possible = known.length > 0 || counts?.precision === "exact" ? [] : BYTES; // a reduced copy may have lost some
  const values = [...new Set([...known, ...seen, ...possible])].filter((value) => value !== map.nodata);
  const usual = defaultPalette(Math.max(0, ...values) + 1);
  return values.map((value) => ({
    value,
    name: names.get(value) || `class ${value}`,
    color: colorOf(map, value) ?? usual[value],
  }));
}

const BYTES: readonly number[] = Array.from({ length: 256 }, (_, value) => value);

/** Whether the file gives a value a colour: what has none is black in a colour map. */
const isPainted = (map: GeoRaster, value: number): boolean =>
  (colorOf(map, value) ?? []).some((channel) => channel > 0);

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

/** What the file says of its bands' scale; bytes of which it says nothing are 254ths, other types are shares as they are. */
function probabilityMeta({ bandNames, dtype, nodata, metadata }: GeoRaster): ViewMeta["probability"] {
  const itemOf = (band: number, name: string, usual: number): number => {
    const text = metadata.get(`${band}:${name}`)?.trim() ?? "";
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : usual;
  };
  const bands = bandNames.map((name, i) => ({
    name: name || `band ${i + 1}`,
    scale: itemOf(i, "SCALE", dtype === "uint8" ? 1 / 254 : 1),
    offset: itemOf(i, "OFFSET", 0),
  }));
  const stored = nodata !== undefined && dtype === "float32" ? Math.fround(nodata) : nodata;
  return { bands, ...(Number.isFinite(stored) && { nodata: stored }) }; // NaN stands for itself
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
