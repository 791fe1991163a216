/** @file What is fuzzed: a whole file of each format, how it is damaged, and the function or command that reads it. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { parse, stringify } from "yaml";
import { csv, folder as folders, geotiff } from "../../datasets/index.js";
import { command as trainCommand } from "../../src/cli/commands/train.js";
import type { Dataset } from "../../src/contract.js";
import { acquireLock } from "../../src/lock.js";
import { defineModel } from "../../src/model.js";
import { openModel, specOf } from "../../src/open-model.js";
import type { Preprocessing } from "../../src/preprocess.js";
import { openGeoTiff, readIndexed, readPhoto, writeIndexedPng } from "../../src/raster/index.js";
import type { ModelCard } from "../../src/run/card.js";
import { readRunConfig } from "../../src/run/folder.js";
import { readMetrics } from "../../src/run/metrics-log.js";
import { initialise } from "../../src/scope.js";
import { type EmbeddingKey, embeddingCache } from "../../src/train/embeddings.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { fill } from "../support/filler.js";
import { gridOf, writePhoto, writeScene } from "../support/geo-files.js";
import { byteMutants, type Mutator, mixed, pngMutants, textMutants, tiffMutants, valueMutants } from "./mutators.js";

export interface Target {
  /** Mutants of one run of the tests. */
  readonly count: number;
  readonly mutate: Mutator;
  /** Makes the whole files in an empty folder; resolves to the one that is damaged. */
  seed(folder: string): Promise<string>;
  /** Reads it with all a user's command would read. */
  read(path: string, folder: string): Promise<unknown>;
}

const SIDE = 32;
const jsonMutants = mixed(valueMutants(JSON.parse, JSON.stringify), textMutants);
const yamlMutants = mixed(valueMutants(parse, stringify), textMutants, byteMutants);

async function readAllSamples(dataset: Dataset): Promise<void> {
  for (const split of dataset.splits) {
    for (const sample of dataset.samples(split).slice(0, 4)) {
      await sample.image();
      await sample.labels();
      await sample.contentHash();
    }
  }
}

/** Image and mask `a`, `b`, `c` in images/ and masks/. */
async function pairs(root: string): Promise<void> {
  for (const name of ["images", "masks"]) await mkdir(join(root, name), { recursive: true });
  const labels = {
    data: Uint8Array.from(fill(3, SIDE * SIDE, 2), (value) => (value > 0 ? 1 : 0)),
    width: SIDE,
    height: SIDE,
  };
  for (const name of ["a", "b", "c"]) {
    await writePhoto(join(root, "images", `${name}.png`), SIDE, SIDE);
    await writeIndexedPng(join(root, "masks", `${name}.png`), labels, [
      [0, 0, 0],
      [255, 0, 0],
    ]);
  }
}

async function written(path: string, text: string): Promise<string> {
  await writeFile(path, text);
  return path;
}

async function readTiff(path: string): Promise<void> {
  const raster = await openGeoTiff(path);
  try {
    for (const [level, size] of [raster, ...raster.overviews].entries()) {
      const window = { x: 0, y: 0, width: Math.min(size.width, 600), height: Math.min(size.height, 600) };
      await raster.readLevel(level, window);
    }
  } finally {
    await raster.close();
  }
}

const RGB = { raw: { width: 70, height: 50, channels: 3 as const } };
const noise = () => Buffer.from(Uint8Array.from(fill(4, 70 * 50 * 3, 255), (value) => value + 128));

const sharpTiff = (compression: "lzw" | "jpeg", pyramid = false): Target => ({
  count: 30,
  mutate: mixed(tiffMutants, byteMutants),
  async seed(folder) {
    const path = join(folder, "image.tif");
    await sharp(noise(), RGB).tiff({ compression, pyramid, tile: true, tileWidth: 16, tileHeight: 16 }).toFile(path);
    return path;
  },
  read: readTiff,
});

/** A mask that lies beside its image. */
const maskBeside: Target = {
  count: 30,
  mutate: mixed(tiffMutants, byteMutants),
  async seed(folder) {
    const path = join(folder, "image.tif");
    const tiles = { tile: true, tileWidth: 16, tileHeight: 16 };
    await sharp(noise(), RGB)
      .tiff({ ...tiles, compression: "lzw" })
      .toFile(path);
    const mask = sharp(noise().subarray(0, 70 * 50), { raw: { ...RGB.raw, channels: 1 } }).toColourspace("b-w");
    await mask.tiff({ ...tiles, compression: "deflate", pyramid: true }).toFile(`${path}.msk`);
    return `${path}.msk`;
  },
  read: (path) => readTiff(path.slice(0, -".msk".length)),
};

/** A stored file of test/fixtures/geotiff.json, made by GDAL. */
const storedTiff = (name: string): Target => ({
  count: 20,
  mutate: mixed(tiffMutants, byteMutants),
  async seed(folder) {
    const { forms } = JSON.parse(await readFile(new URL("../fixtures/geotiff.json", import.meta.url), "utf8"));
    await writeFile(join(folder, "form.tif"), Buffer.from(forms[name].file, "base64"));
    return join(folder, "form.tif");
  },
  read: readTiff,
});

const STORED = [
  ...["uint8-strips", "uint8-planar-packbits", "uint16-big-endian-predictor2", "float32-lerc", "float32-lerc-deflate"],
  ...["bigtiff", "mask", "int32-zstd", "float32-predictor3", "uint8-webp", "bits1"],
];

const CARD: ModelCard = {
  ...{ format: 1, encoder: "resnet-test", decoder: "unet", pyramid: "simple", adaptBands: false },
  decoderOptions: { channels: [4, 4, 4, 4, 4] },
  classes: ["a", "b"].map((name, i) => ({ name, color: [i, 2, 3] })),
  head: "softmax",
  preprocessing: { bands: [0, 1, 2], bandNames: ["r", "g", "b"], mean: [1, 2, 3], std: [4, 5, 6], multipleOf: 32 },
  ...{ tune: "full", step: 1, software: "test" },
};
const weightsOf = (card: ModelCard) => initialise(defineModel(specOf(card)).slots(), 1);

async function openAndClose(path: string): Promise<void> {
  await (await openModel(path)).close();
}

const KEY: EmbeddingKey = {
  ...{ image: "a", weights: "b", encoder: "c", view: 0, features: ["neck", "tap"], engine: "onnx" },
  preprocessing: CARD.preprocessing as Preprocessing,
};

const CONFIG = `# a run
encoder: resnet-test
decoder: unet
encoderWeights: none
dataset: folder
batchSize: 2
steps: 3
lr: 1e-3
size: 32
bands: [3, 2, 1]
loss: 0.5*ce+dice
classWeights: "1,2"
decoderOptions:
  channels: [4, 4, 4, 4, 4]
datasetOptions: { classes: "dark,bright" }
`;

const ring = (x: number, y: number) => [
  [x, y],
  [x + 90, y],
  [x + 90, y - 120],
  [x, y - 120],
  [x, y],
];
const GEOJSON = {
  type: "FeatureCollection",
  crs: { type: "name", properties: { name: "urn:ogc:def:crs:EPSG::32633" } },
  features: [
    {
      type: "Feature",
      properties: { kind: "house" },
      geometry: { type: "Polygon", coordinates: [ring(500_050, 5_799_950)] },
    },
    {
      type: "Feature",
      properties: { kind: 2 },
      geometry: { type: "MultiPolygon", coordinates: [[ring(500_200, 5_799_800)]] },
    },
  ],
};

/** By the name tests print. */
export const targets: Readonly<Record<string, Target>> = {
  "deflate GeoTIFF": {
    count: 60,
    mutate: mixed(tiffMutants, byteMutants),
    seed: (folder) => writeScene(join(folder, "scene.tif"), [SIDE, SIDE, 3], undefined, { nodata: 0 }),
    read: readTiff,
  },
  "LZW TIFF": sharpTiff("lzw"),
  "JPEG TIFF": sharpTiff("jpeg"),
  "pyramid TIFF": sharpTiff("jpeg", true),
  "mask beside a TIFF": maskBeside,
  ...Object.fromEntries(STORED.map((name) => [`GeoTIFF ${name}`, storedTiff(name)])),
  "PNG mask": {
    count: 50,
    mutate: mixed(pngMutants, byteMutants),
    async seed(folder) {
      await pairs(folder);
      return join(folder, "masks/a.png");
    },
    read: readIndexed,
  },
  "PNG photo": {
    count: 30,
    mutate: mixed(pngMutants, byteMutants),
    seed: (folder) => writePhoto(join(folder, "photo.png")),
    read: (path) => readPhoto(path),
  },
  "JPEG photo": {
    count: 40,
    mutate: byteMutants,
    async seed(folder) {
      await sharp(noise(), RGB).jpeg().toFile(join(folder, "photo.jpg"));
      return join(folder, "photo.jpg");
    },
    read: (path) => readPhoto(path),
  },
  "CSV list": {
    count: 40,
    mutate: mixed(textMutants, byteMutants),
    async seed(folder) {
      await pairs(folder);
      const rows = ["a", "b", "c"].map((name, i) => `images/${name}.png,masks/${name}.png,${i ? "train" : "val"}`);
      return written(join(folder, "list.csv"), ["image,mask,split", ...rows, ""].join("\n"));
    },
    read: async (path) => readAllSamples(await csv.csv.open(path, { ...csv.csv.defaults, classes: "dark,bright" })),
  },
  "split lists": {
    count: 20,
    mutate: mixed(textMutants, byteMutants),
    async seed(folder) {
      await pairs(folder);
      await mkdir(join(folder, "lists"));
      await writeFile(join(folder, "lists/val.txt"), "c\n");
      return written(join(folder, "lists/train.txt"), "a\nimages/b.png\n");
    },
    async read(_path, folder) {
      const options = { ...folders.folder.defaults, classes: "dark,bright", lists: "lists/*.txt" };
      await readAllSamples(await folders.folder.open(folder, options));
    },
  },
  "class list": {
    count: 20,
    mutate: mixed(textMutants, byteMutants),
    async seed(folder) {
      await pairs(folder);
      return written(join(folder, "classes.txt"), "dark #000000\nbright #ff0000\n");
    },
    async read(path, folder) {
      const options = { ...folders.folder.defaults, classes: path };
      await readAllSamples(await folders.folder.open(folder, options));
    },
  },
  "GeoJSON labels": {
    count: 50,
    mutate: jsonMutants,
    async seed(folder) {
      await writeScene(join(folder, "scene.tif"), [64, 64, 3], undefined, { grid: gridOf(64, 64) });
      return written(join(folder, "scene.geojson"), JSON.stringify(GEOJSON));
    },
    async read(path, folder) {
      const options = { ...geotiff.geotiff.defaults, labels: path, size: 32, labelAttribute: "kind" };
      await readAllSamples(await geotiff.geotiff.open(join(folder, "scene.tif"), options));
    },
  },
  "config YAML": {
    count: 40,
    mutate: yamlMutants,
    async seed(folder) {
      await pairs(folder);
      return written(join(folder, "config.yaml"), CONFIG);
    },
    read: (path, folder) => trainCommand.run({ config: path, data: folder, out: join(folder, "run"), "dry-run": true }),
  },
  "run folder's config.yaml": {
    count: 20,
    mutate: yamlMutants,
    seed: (folder) => written(join(folder, "config.yaml"), `${CONFIG}data: photos\nout: run\n`),
    read: (_path, folder) => readRunConfig(folder),
  },
  "run folder's model.safetensors": {
    count: 30,
    mutate: byteMutants,
    async seed(folder) {
      const path = join(folder, "model.safetensors");
      await writeSafetensors(path, weightsOf(CARD), { "sam-seg": JSON.stringify(CARD) });
      return path;
    },
    read: openAndClose,
  },
  "model card": {
    count: 40,
    mutate: jsonMutants,
    seed: (folder) => written(join(folder, "card.json"), JSON.stringify(CARD)),
    async read(path, folder) {
      const file = join(folder, "carded.safetensors");
      await writeSafetensors(file, weightsOf(CARD), { "sam-seg": await readFile(path, "utf8") });
      await openAndClose(file);
    },
  },
  "YAML beside a checkpoint": {
    count: 30,
    mutate: yamlMutants,
    async seed(folder) {
      await writeSafetensors(join(folder, "foreign.safetensors"), weightsOf(CARD), {});
      const lines = ["encoder: resnet-test", "decoder: unet", "classes: [a, b]", 'colors: ["#000000", "#ff0000"]'];
      const more = [
        "decoderOptions: { channels: [4, 4, 4, 4, 4] }",
        "mean: [1, 2, 3]",
        "std: [1, 1, 1]",
        "head: softmax",
      ];
      return written(join(folder, "foreign.yaml"), [...lines, ...more, ""].join("\n"));
    },
    read: (_path, folder) => openAndClose(join(folder, "foreign.safetensors")),
  },
  embedding: {
    count: 30,
    mutate: byteMutants,
    async seed(folder) {
      const cache = embeddingCache(folder, () => {});
      const map = { data: fill(1, 32), shape: [1, 2, 4, 4] };
      await cache.write(KEY, [map, map]);
      await copyFile(cache.pathOf(KEY), join(folder, "embedding"));
      return join(folder, "embedding");
    },
    async read(path, folder) {
      const cache = embeddingCache(folder, () => {});
      await copyFile(path, cache.pathOf(KEY));
      const maps = await cache.read(KEY);
      if (maps && String(maps[0].data) !== String(fill(1, 32))) throw new Error("a damaged embedding was used");
    },
  },
  "metrics.jsonl": {
    count: 20,
    mutate: mixed(textMutants, byteMutants),
    seed: (folder) =>
      written(
        join(folder, "metrics.jsonl"),
        '{"event":"step","step":1,"epoch":0,"loss":1.5}\n{"event":"validation","step":1,"epoch":0}\n',
      ),
    read: async (path) => readMetrics(path).map(({ step }) => step.toFixed()),
  },
  "lock.json": {
    count: 20,
    mutate: jsonMutants,
    seed: (folder) =>
      written(
        join(folder, "lock.json"),
        JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: "2026-01-01", ticks: "5" }),
      ),
    read: async (_path, folder) => (await acquireLock(folder))(),
  },
};
