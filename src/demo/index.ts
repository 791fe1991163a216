/**
 * @file `runDemo()`: paints a town as GeoTIFFs, trains a compact model on it, maps a scene it has not seen, and scores the map. Everything but
 * the painting goes through the code paths of real data.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Raster } from "../contract.js";
import { SegError } from "../errors.js";
import { addToConfusion, CONVENTION, confusion, type Scores, scoresOf } from "../metrics.js";
import { sweepLeftovers } from "../leftovers.js";
import { openModel } from "../open-model.js";
import { predict } from "../predict.js";
import { type ByteImage, makeGrid, openGeoTiff, overlay, writeGeoTiff, writePng } from "../raster/index.js";
import { silent, type Talk } from "../talk.js";
import { train } from "../train/index.js";
import { writeDemoPage } from "./page.js";
import { paintTown, TOWN_CLASSES } from "./town.js";

export interface DemoOptions {
  /** Folder to write: data/, run/, unseen scene, map, overlay, index.html. */
  readonly out: string;
  readonly seed?: number;
  readonly steps?: number;
}

export interface DemoResult extends Scores {
  readonly classes: readonly string[];
  readonly convention: string;
  readonly seconds: number;
  /** Files a reader opens. */
  readonly scene: string;
  readonly map: string;
  readonly overlay: string;
  readonly page: string;
}

const METRES_PER_PIXEL = 0.5;
const EPSG = 32633; // UTM 33N
const TRAIN_SIDE = 512;
const UNSEEN_SIDE = 768;

/** Runs the demo; a folder that holds a demo of the same options is taken up where it stands. Rejects with SegError for a folder of something else. */
export async function runDemo(options: DemoOptions, talk: Talk = silent): Promise<DemoResult> {
  const { out, seed = 0, steps = 120 } = options;
  const began = Date.now();
  await claim(out, { seed, steps });
  talk.info("painting a town: five scenes to learn from, one to map");
  const paths = await paintScenes(out, seed);
  const run = join(out, "run");
  await train(
    {
      ...{ encoder: "resnet-test", decoder: "unet", encoderWeights: "none", out: run, seed, steps },
      ...{ dataset: "geotiff", data: join(out, "data"), size: 128, batchSize: 8, validateEvery: steps },
      ...{
        lr: 4e-3,
        schedule: "one-cycle",
        augment: "aerial",
        loss: "ce+dice",
        resume: existsSync(join(run, "config.yaml")),
      },
      decoderOptions: { channels: [64, 48, 32, 24, 16] },
      datasetOptions: {
        valScenes: "town-5",
        classes: TOWN_CLASSES.map(({ name, color }) => `${name}:${hex(color)}`).join(","),
      },
    },
    talk,
  );
  const map = join(out, "map.tif");
  await mapUnseen(run, paths.scene, map, talk);
  const { scores, picture, truth } = await judge(paths, map);
  const files = { scene: paths.scene, map, overlay: join(out, "overlay.png"), page: join(out, "index.html") };
  await writePng(files.overlay, picture);
  const classes = TOWN_CLASSES.map(({ name }) => name);
  const seconds = (Date.now() - began) / 1000;
  const result = { ...scores, classes, convention: CONVENTION, seconds, ...files };
  await writeDemoPage(out, result, truth);
  return result;
}

const hex = (color: readonly number[]) => `#${color.map((value) => value.toString(16).padStart(2, "0")).join("")}`;

/** Makes the folder, or checks that it is a demo of the same options. */
async function claim(out: string, options: { seed: number; steps: number }): Promise<void> {
  const marker = join(out, "demo.json");
  const text = `${JSON.stringify(options)}\n`;
  if (existsSync(marker)) {
    if ((await readFile(marker, "utf8")) === text) return;
    throw new SegError(out, "holds a demo of another seed or number of steps", "choose another --out");
  }
  if (existsSync(out) && readdirSync(out).length)
    throw new SegError(out, "exists and holds no demo", "choose another --out");
  await mkdir(out, { recursive: true });
  await writeFile(marker, text);
}

interface ScenePaths {
  readonly scene: string;
  readonly labels: string;
}

async function paintScenes(out: string, seed: number): Promise<ScenePaths> {
  await mkdir(join(out, "data", "images"), { recursive: true });
  await mkdir(join(out, "data", "labels"), { recursive: true });
  for (let i = 1; i <= 5; i++) {
    const paths = {
      scene: join(out, "data", "images", `town-${i}.tif`),
      labels: join(out, "data", "labels", `town-${i}.tif`),
    };
    await paintScene(paths, 100 * seed + i, TRAIN_SIDE, 400000 + 1000 * i);
  }
  const unseen = { scene: join(out, "unseen.tif"), labels: join(out, "unseen-labels.tif") };
  await paintScene(unseen, 100 * seed + 99, UNSEEN_SIDE, 420000);
  return unseen;
}

async function paintScene({ scene, labels }: ScenePaths, seed: number, side: number, easting: number): Promise<void> {
  if (existsSync(scene) && existsSync(labels)) return;
  const town = paintTown(seed, side);
  await sweepLeftovers([scene, labels]);
  const grid = makeGrid(side, side, [easting, METRES_PER_PIXEL, 0, 5300000, 0, -METRES_PER_PIXEL], EPSG);
  const shape = { width: side, height: side, dtype: "uint8", grid } as const;
  const colors = new Map(
    TOWN_CLASSES.map(({ color }, i) => [i, [color[0], color[1], color[2]] as [number, number, number]]),
  );
  await writeGeoTiff(labels, { ...shape, bands: 1, colors }, (writer) => writer.write(town.labels.data));
  await writeGeoTiff(scene, { ...shape, bands: 3 }, (writer) => writer.write(town.image.data));
}

async function mapUnseen(run: string, scene: string, map: string, talk: Talk): Promise<void> {
  const model = await openModel(run);
  try {
    const [result] = await predict(model, [scene], { out: map, tile: 256 }, talk);
    if (result.error) throw result.error;
  } finally {
    await model.close();
  }
}

/** Scores the map against the painted labels, and draws it over the scene. */
async function judge({ scene, labels }: ScenePaths, map: string) {
  const [image, truth, mapped] = await Promise.all([scene, labels, map].map(readWhole));
  const matrix = confusion(TOWN_CLASSES.length);
  addToConfusion(matrix, truth.data, mapped.data);
  const { width, height } = image;
  const colors = TOWN_CLASSES.map(({ color }) => [color[0], color[1], color[2]] as [number, number, number]);
  const draw = ({ data }: Raster) =>
    overlay(image as ByteImage, { data: data as Uint8Array, width, height }, colors, 0.6);
  return { scores: scoresOf(matrix), picture: draw(mapped), truth: { image: image as ByteImage, labels: draw(truth) } };
}

async function readWhole(path: string): Promise<Raster> {
  const source = await openGeoTiff(path);
  try {
    return await source.read({ x: 0, y: 0, width: source.width, height: source.height });
  } finally {
    await source.close();
  }
}
