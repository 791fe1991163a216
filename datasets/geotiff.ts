/**
 * @file Scenes in GeoTIFF, cut into windows, with labels from rasters on the same grid or from GeoJSON burnt in. Any number
 * of bands, 8-bit to float; what is not an 8-bit RGB photo comes with statistics of its training windows.
 */
import type { BandStatistics, Dataset, DatasetKind, Raster, Sample } from "../src/contract.js";
import { IGNORE } from "../src/contract.js";
import { fileHelp, labelHelp, splitHelp } from "../src/dataset/help.js";
import { nameOf, unknownSplit } from "../src/dataset/photos.js";
import { type Placed, placeWindows, type RegionOptions } from "../src/dataset/regions.js";
import { findScenes, type SceneFile, type SceneFileOptions } from "../src/dataset/scene-files.js";
import { type Scene, type SceneLabels, sceneLabels } from "../src/dataset/scene-labels.js";
import { type ScenePool, scenePool } from "../src/dataset/scene-pool.js";
import type { LabelOptions } from "../src/dataset/scheme.js";
import { orderSplits } from "../src/dataset/splits.js";
import { SegError } from "../src/errors.js";
import { sha256, sha256File } from "../src/files.js";
import { collectStatistics, type GeoRaster } from "../src/raster/index.js";

/** Options of `geotiff`; null is not given. */
export interface GeotiffOptions extends SceneFileOptions, LabelOptions, RegionOptions {
  /** Attribute of GeoJSON features that tells the class; null: every polygon is class 1. */
  readonly labelAttribute: string | null;
  /** mask | band: what a band marked as alpha is; some files mark infrared so. */
  readonly alpha: string;
}

export const geotiff: { readonly geotiff: DatasetKind<GeotiffOptions> } = {
  geotiff: {
    about: "GeoTIFF scenes cut into windows; labels from rasters or GeoJSON",
    defaults: {
      images: null,
      labels: null,
      labelAttribute: null,
      imageSuffix: null,
      labelSuffix: null,
      size: 512,
      overlap: 0,
      splitBy: null,
      valFraction: 0.2,
      splitSeed: 0,
      valScenes: null,
      testScenes: null,
      alpha: "mask",
      classes: null,
      classMap: null,
      ignoreIndex: null,
    },
    help: {
      ...fileHelp,
      labels: "label raster, GeoJSON, a folder of them, or a pattern",
      labelAttribute: "attribute of GeoJSON features that tells the class",
      labelSuffix: "end of label names that images lack",
      size: "side of the windows scenes are cut into",
      overlap: "pixels neighbouring training windows share",
      splitBy: "folders, scenes or blocks (parts of one scene)",
      ...splitHelp,
      valScenes: "scenes for validation: names or patterns, by commas",
      testScenes: "scenes for test",
      alpha: "mask or band: what a band marked as alpha is",
      ...labelHelp,
    },
    open: openScenes,
  },
};

/** Training windows the statistics are measured on at most, evenly spread. */
const MEASURED_WINDOWS = 128;

async function openScenes(root: string, options: GeotiffOptions): Promise<Dataset> {
  const { alpha } = options;
  if (alpha !== "mask" && alpha !== "band") throw new SegError(`alpha ${alpha}`, "is not known", "give mask or band");
  const warnings: string[] = [];
  const pool = scenePool({ alpha });
  const labelPool = scenePool();
  const files = await findScenes(root, options, warnings);
  const { scenes, bands, dtype } = await describeScenes(files, pool);
  const labels = await sceneLabels({ root, scenes, options, pool: labelPool, warnings });
  const placed = placeWindows(scenes, options, warnings);
  const photo = dtype === "uint8" && bands.length === 3;
  const statistics = photo ? undefined : await measure(placed, bands.length, pool);
  const splits = orderSplits(placed.map(({ split }) => split));
  const samples = sampleLists(placed, splits, labels, pool);
  return {
    name: nameOf(root).replace(/\.[^.]+$/, ""),
    classes: labels.classes,
    bands,
    photo,
    ...(statistics && { statistics }),
    splits,
    samples: (split) => samples.get(split) ?? unknownSplit(root, split, splits),
    warnings,
  };
}

async function describeScenes(files: readonly SceneFile[], pool: ScenePool) {
  const headers: (Pick<GeoRaster, "bands" | "dtype" | "bandNames"> & { scene: Scene })[] = [];
  for (const file of files) {
    const header = await pool.use(file.path, async ({ width, height, grid, bands, dtype, bandNames }) => ({
      scene: { ...file, width, height, grid },
      bands,
      dtype,
      bandNames,
    }));
    headers.push(header);
  }
  const [first] = headers;
  for (const { scene, bands, dtype } of headers) {
    if (bands === first.bands && dtype === first.dtype) continue;
    const reason = `has ${bands} bands of ${dtype}, ${first.scene.path} ${first.bands} of ${first.dtype}`;
    throw new SegError(scene.path, reason, "bring all scenes to the same bands, or choose some with the option images");
  }
  return { scenes: headers.map(({ scene }) => scene), bands: bandNames(first), dtype: first.dtype };
}

function bandNames({ bands, dtype, bandNames: names }: Pick<GeoRaster, "bands" | "dtype" | "bandNames">): string[] {
  const rgb = bands === 3 && dtype === "uint8" ? ["red", "green", "blue"] : [];
  return Array.from({ length: bands }, (_, i) => names[i] || rgb[i] || `band ${i + 1}`);
}

async function measure(placed: readonly Placed<Scene>[], bands: number, pool: ScenePool): Promise<BandStatistics> {
  const train = placed.filter(({ split }) => split === "train");
  const count = Math.min(train.length, MEASURED_WINDOWS);
  const collector = collectStatistics(bands);
  for (let i = 0; i < count; i++) {
    const { scene, window } = train[Math.floor((i * train.length) / count)];
    collector.add(await pool.use(scene.path, (source) => source.read(window)));
  }
  const found = collector.result();
  if (found) return found;
  throw new SegError(placed[0].scene.path, "no training window holds data in every band", "check nodata and the split");
}

function sampleLists(
  placed: readonly Placed<Scene>[],
  splits: readonly string[],
  labels: SceneLabels,
  pool: ScenePool,
): Map<string, Sample[]> {
  const hashes = new Map<string, Promise<string>>();
  const hashOf = (path: string) => {
    const hash = hashes.get(path) ?? sha256File(path);
    hashes.set(path, hash);
    return hash;
  };
  const out = new Map(splits.map((split) => [split, [] as Sample[]]));
  for (const part of placed) out.get(part.split)?.push(windowSample(part, labels, pool, hashOf));
  return out;
}

function windowSample(
  { scene, split, window }: Placed<Scene>,
  labels: SceneLabels,
  pool: ScenePool,
  hashOf: (path: string) => Promise<string>,
): Sample {
  const image = (): Promise<Raster> => pool.use(scene.path, (source) => source.read(window));
  const { x, y, width, height } = window;
  return {
    id: `${split}/${scene.name}_${x}_${y}`,
    file: scene.path,
    image,
    async labels() {
      const map = await labels.read(scene, window);
      const { valid } = await image();
      if (valid) for (let i = 0; i < valid.length; i++) if (valid[i] === 0) map.data[i] = IGNORE;
      return map;
    },
    contentHash: async () => sha256(`${await hashOf(scene.path)} ${x} ${y} ${width} ${height}`),
  };
}
