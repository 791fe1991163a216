/**
 * @file A class raster as polygons, one a region, with shared edges: GeoJSON (RFC 7946), one GeoJSON feature a line, or FlatGeobuf, by the output's name.
 */
import { basename } from "node:path";
import { SegError } from "../errors.js";
import { refuseExisting, withAtomicFile } from "../files.js";
import { sweepLeftovers } from "../leftovers.js";
import { classNames, type GeoRaster, openGeoTiff } from "../raster/index.js";
import { silent, type Talk } from "../talk.js";
import { chooseClasses } from "./classes.js";
import { type Confidence, openConfidence } from "./confidence.js";
import type { Feature, Field } from "./feature.js";
import { type Format, formatOf } from "./formats.js";
import { checkOptions, type VectorizeOptions } from "./options.js";
import { type Placed, placeRaster } from "./placed.js";
import { polygonise, type Region } from "./polygonise.js";
import { scratchNames, withScratchFile } from "./scratch.js";

/** What was written. */
export interface Vectorized {
  readonly path: string;
  readonly layer: string;
  readonly features: number;
  /** Pixels of all features. */
  readonly pixels: number;
  /** EPSG code of the coordinates; null where unknown. */
  readonly epsg: number | null;
  readonly classes: readonly { readonly id: number; readonly name: string | null; readonly features: number }[];
}

/**
 * Writes the regions of a class raster (one band of whole numbers) as polygons; the file is whole or absent. Rejects with SegError for rasters and
 * options that do not do, and with Stopped.
 */
export async function vectorize(input: string, options: VectorizeOptions, talk: Talk = silent): Promise<Vectorized> {
  const format = formatOf(options.out);
  checkOptions(options);
  if (!options.force) refuseExisting(options.out);
  await sweepLeftovers([options.out, ...Object.values(scratchNames(options.out))]);
  const raster = await openGeoTiff(input);
  let confidence: Confidence | undefined;
  try {
    checkClassRaster(raster);
    confidence = await openConfidence(options.confidence, raster, talk);
    const placed = placeRaster(raster, { crs: options.crs ?? format.crs, sourceEpsg: options.sourceEpsg }, talk);
    return await write({ raster, confidence, placed, format, options, talk });
  } finally {
    await raster.close();
    await confidence?.close();
  }
}

const CLASS_TYPES = ["uint1", "uint2", "uint4", "uint8", "uint16", "uint64", "int8", "int16", "int32", "int64"];

function checkClassRaster({ path, bands, dtype }: GeoRaster): void {
  if (bands !== 1) {
    const remedy = "give a map of one band, or take one out with gdal_translate -b 1";
    throw new SegError(path, `has ${bands} bands, so it is no class map`, remedy);
  }
  if (CLASS_TYPES.includes(dtype)) return;
  const remedy = "give a map of class numbers, e.g. one that seg predict wrote";
  throw new SegError(path, `holds ${dtype} values, so it is no class map`, remedy);
}

interface Job {
  readonly raster: GeoRaster;
  readonly confidence: Confidence | undefined;
  readonly placed: Placed;
  readonly format: Format;
  readonly options: VectorizeOptions;
  readonly talk: Talk;
}

/** Numbers of corners between two turns of the event loop, where each feature counts as some hundred. */
const BREATH = { numbers: 2 ** 17, feature: 100 };

async function write(job: Job): Promise<Vectorized> {
  const { raster, confidence, placed, format, options, talk } = job;
  const { out } = options;
  const names = await classNames(raster);
  const chosen = chooseClasses(options.classes, names);
  const fields = fieldsOf(placed, confidence !== undefined);
  const name = options.layer ?? basename(out).replace(/\.[^.]*$/, "");
  const layer = { name, fields, system: placed.system, decimals: placed.decimals };
  const tally = startTally();
  await withAtomicFile(out, (file) =>
    withScratchFile(scratchNames(out).arcs, out, (scratch) =>
      format.write(file, layer, out, async (writer) => {
        for await (const region of polygonise(raster, { ...polygoniseOptions(job, chosen), scratch })) {
          const feature = featureOf(region, fields, names, job);
          if (count(tally, region, feature)) await writer.write(feature);
          if (tally.sinceBreath > BREATH.numbers) await breathe(tally, talk);
        }
      }),
    ),
  );
  warnOfMissing(raster.path, chosen, tally, talk);
  const classes = [...tally.counts].sort(([a], [b]) => a - b);
  return {
    ...{ path: out, layer: name, features: tally.features, pixels: tally.pixels },
    epsg: placed.system?.epsg ?? null,
    classes: classes.map(([id, features]) => ({ id, name: names.get(id) ?? null, features })),
  };
}

const startTally = () => ({ counts: new Map<number, number>(), features: 0, pixels: 0, empty: 0, sinceBreath: 0 });

async function breathe(tally: Tally, talk: Talk): Promise<void> {
  tally.sinceBreath = 0;
  await talk.breathe();
}

type Tally = ReturnType<typeof startTally>;

/** Counts a feature; false for one of which nothing is left on the earth. */
function count(tally: Tally, { classId, pixels }: Region, { polygons }: Feature): boolean {
  tally.sinceBreath += BREATH.feature;
  for (const rings of polygons) for (const ring of rings) tally.sinceBreath += ring.length;
  if (polygons.length === 0) {
    tally.empty++;
    return false;
  }
  tally.counts.set(classId, (tally.counts.get(classId) ?? 0) + 1);
  tally.features++;
  tally.pixels += pixels;
  return true;
}

function warnOfMissing(path: string, chosen: ReadonlySet<number> | undefined, tally: Tally, talk: Talk): void {
  const { counts, empty } = tally;
  if (empty > 0)
    talk.warn(`${path}: ${empty} region(s) lie beyond the poles or are too thin to be written, and are left out`);
  const absent = [...(chosen ?? [])].filter((id) => !counts.has(id));
  if (absent.length > 0) talk.warn(`${path}: no region of class ${absent.join(", ")} was found`);
}

function polygoniseOptions({ confidence, placed, options, talk }: Job, chosen: ReadonlySet<number> | undefined) {
  return {
    talk,
    simplify: options.simplify,
    wanted: chosen && ((classId: number) => chosen.has(classId)),
    confidence: confidence?.rows,
    cellArea: placed.area && "ofRow" in placed.area ? placed.area.ofRow : undefined,
    ...minAreaOf(options, placed),
  };
}

/** The sieve's limit: in pixels where they are all alike. */
function minAreaOf({ minArea }: VectorizeOptions, { area }: Placed) {
  if (!minArea) return {};
  if (minArea.unit === "pixels") return { minArea: minArea.value };
  if (!area) throw new SegError("minArea", "is in m2, but the raster's system is not known", "give it in pixels");
  if ("each" in area) return { minArea: minArea.value / area.each };
  return { minArea: minArea.value, minAreaIn: "cellArea" as const };
}

function fieldsOf({ area }: Placed, confident: boolean): Field[] {
  return [
    { name: "class_id", type: "integer" },
    { name: "class_name", type: "string" },
    { name: "pixel_count", type: "long" },
    ...(area ? [{ name: "area_m2", type: "double", decimals: 3 } as const] : []),
    ...(confident ? [{ name: "mean_confidence", type: "double", decimals: 4 } as const] : []),
  ];
}

function featureOf(
  region: Region,
  fields: readonly Field[],
  names: ReadonlyMap<number, string>,
  { placed, confidence }: Job,
): Feature {
  const { classId, pixels, area, rings } = region;
  const each = placed.area && "each" in placed.area ? placed.area.each : Number.NaN;
  const all: Readonly<Record<string, number | string | null>> = {
    ...{ class_id: classId, class_name: names.get(classId) ?? null, pixel_count: pixels },
    ...{ area_m2: area ?? pixels * each, mean_confidence: confidence?.isWhole() ? (region.confidence ?? null) : null },
  };
  return { values: fields.map(({ name }) => all[name]), polygons: placed.polygons([rings.exterior, ...rings.holes]) };
}
