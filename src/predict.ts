/**
 * @file `predict()`: class maps of photos and GeoTIFFs. Every output is whole or absent and says what it was made from.
 */
import { basename } from "node:path";
import { IGNORE } from "./contract.js";
import { EXIT, errorLine, SegError } from "./errors.js";
import { sweepLeftovers } from "./leftovers.js";
import type { OpenModel } from "./open-model.js";
import { argMaxClasses, displayImage } from "./postprocess.js";
import { expandInputs, filesOf, isComplete, isScene, keyOf, overlayOf, planOutputs } from "./predict-outputs.js";
import {
  type BlendMode,
  type Color,
  type GeoRaster,
  openGeoTiff,
  overlay,
  readPhoto,
  writeGeoTiff,
  writeIndexedPng,
  writePng,
} from "./raster/index.js";
import { countWindows, mapScene, type SceneOptions } from "./scene.js";
import { silent, type Talk } from "./talk.js";
import { software } from "./version.js";

export interface PredictOptions {
  /** A file for one input, or a folder. */
  readonly out: string;
  /** Side of the windows of a scene; default: the encoder's fixed size, else 1024. */
  readonly tile?: number;
  /** Pixels neighbours share; default a quarter of the tile. */
  readonly overlap?: number;
  readonly blend?: BlendMode;
  /** What a band marked as alpha is; default a mask, unless the model reads it as a band. */
  readonly alpha?: "mask" | "band";
  /** Replace outputs of other inputs or parameters. */
  readonly force?: boolean;
}

/** What became of one input. */
export interface Prediction {
  readonly input: string;
  readonly output: string;
  readonly state: "written" | "complete" | "failed";
  readonly error?: SegError;
}

/**
 * Predicts every input; a folder stands for the images in it. An input that fails is reported and the rest goes on.
 * Rejects only for faults of the options.
 */
export async function predict(
  open: OpenModel,
  inputs: readonly string[],
  options: PredictOptions,
  talk: Talk = silent,
): Promise<Prediction[]> {
  sceneOptions(open, options);
  const files = expandInputs(inputs);
  const outputs = planOutputs(files, options.out);
  await sweepLeftovers(outputs.flatMap(filesOf));
  const results: Prediction[] = [];
  for (const [i, input] of files.entries()) {
    results.push(await predictOne(open, input, outputs[i], options, talk));
    await talk.breathe();
  }
  return results;
}

async function predictOne(
  open: OpenModel,
  input: string,
  output: string,
  options: PredictOptions,
  talk: Talk,
): Promise<Prediction> {
  try {
    const key = await keyOf(input, await parametersOf(open, input, options));
    if (await isComplete(input, output, key, options.force === true)) return { input, output, state: "complete" };
    if (isScene(input)) await predictScene(open, input, output, key, options, talk);
    else await predictPhoto(open, input, output, key, talk);
    return { input, output, state: "written" };
  } catch (error) {
    if (!(error instanceof SegError) || error.exitCode === EXIT.guard) throw error; // a full disk stops everything
    talk.info(`seg: ${errorLine(error)}`);
    return { input, output, state: "failed", error };
  }
}

/** Everything but the input that an output's bytes depend on. */
async function parametersOf(open: OpenModel, input: string, options: PredictOptions) {
  const { preprocessing, classes, head } = open.card;
  const model = { digest: await open.digest(), preprocessing, classes, head }; // a foreign checkpoint's are in its YAML file
  const common = { software, model, engine: open.engine.name };
  return isScene(input) ? { ...common, ...sceneOptions(open, options), alpha: options.alpha ?? null } : common;
}

const colorsOf = ({ card }: OpenModel): Color[] => card.classes.map(({ color }) => [color[0], color[1], color[2]]);

/** Refuses pixels the model cannot take: too few bands, or values of another kind than those it was trained on. */
function checkPixels(file: string, bands: number, dtype: string, { card }: OpenModel): void {
  const { stretch, bandNames, bands: read } = card.preprocessing;
  const most = Math.max(...read) + 1;
  if (bands < most) {
    const reason = `has ${bands} band(s), the model reads band ${most} (${bandNames.join(", ")})`;
    throw new SegError(file, reason, "give images with the model's bands, or name them with --bands");
  }
  if (dtype !== "uint8" && !stretch) {
    const reason = `holds ${dtype} samples, the model was trained on 8-bit photos`;
    throw new SegError(file, reason, "scale it as the training data were: gdal_translate -ot Byte -scale");
  }
  if (dtype === "uint8" && stretch && Math.min(...stretch.low) > 255) {
    const reason = `holds 8-bit samples, the model was trained on values from ${Math.min(...stretch.low)} up`;
    throw new SegError(file, reason, "give the data in the units the model was trained on");
  }
}

async function predictPhoto(open: OpenModel, input: string, output: string, key: string, talk: Talk): Promise<void> {
  const image = await readPhoto(input, { warn: talk.warn });
  checkPixels(input, image.bands, "uint8", open);
  const data = argMaxClasses(await open.predictor.scores(image));
  const { valid, width, height } = image;
  const labels = { data: valid ? data.map((value, i) => (valid[i] ? value : IGNORE)) : data, width, height };
  const colors = colorsOf(open);
  const picture = overlay(displayImage(image, open.card.preprocessing), labels, colors);
  await writePng(overlayOf(output), picture, key);
  await writeIndexedPng(output, labels, colors, key);
}

/** Windows of a scene; SegError for a tile or overlap that does not do. */
function sceneOptions({ card }: OpenModel, options: PredictOptions): SceneOptions {
  const { size, multipleOf } = card.preprocessing;
  const tile = options.tile ?? size ?? 1024;
  if (tile < multipleOf && size === undefined)
    throw new SegError(`--tile ${tile}`, `${card.encoder} needs at least ${multipleOf}`, `try ${multipleOf * 8}`);
  const overlap = options.overlap ?? Math.floor(tile / 4);
  if (overlap > tile / 2)
    throw new SegError(
      `--overlap ${overlap}`,
      `is more than half of the tile (${tile})`,
      `try ${Math.floor(tile / 4)}`,
    );
  return { tile, overlap, blend: options.blend ?? "cosine", classes: card.classes.length };
}

/** Opens a scene; an alpha band is a band where the model reads it: some files mark infrared so. */
async function openScene(path: string, { card }: OpenModel, alpha: PredictOptions["alpha"]): Promise<GeoRaster> {
  const scene = await openGeoTiff(path, { alpha });
  const read = Math.max(...card.preprocessing.bands) + 1;
  if (alpha !== undefined || !scene.hasAlpha || scene.bands >= read) return scene;
  await scene.close();
  return openGeoTiff(path, { alpha: "band" });
}

async function predictScene(
  model: OpenModel,
  input: string,
  output: string,
  key: string,
  options: PredictOptions,
  talk: Talk,
): Promise<void> {
  const scene = await openScene(input, model, options.alpha);
  try {
    const { width, height, grid, bands, dtype } = scene;
    checkPixels(input, bands, dtype, model);
    const scened = sceneOptions(model, options);
    const names = model.card.classes.map(({ name }) => name);
    const metadata = {
      ...Object.fromEntries(names.map((name, i) => [`CLASS_${i}`, name])),
      SOFTWARE: software,
      KEY: key,
    };
    const colors = new Map(colorsOf(model).map((color, i) => [i, color]));
    const raster = { width, height, bands: 1, dtype: "uint8", grid, nodata: IGNORE, colors } as const;
    const bar = talk.progress(basename(input), countWindows(width, height, scened));
    try {
      await writeGeoTiff(output, { ...raster, metadata, categories: names }, (writer) =>
        mapScene(scene, model.predictor, scened, (rows) => writer.write(rows), bar, talk.breathe),
      );
    } finally {
      bar.end();
    }
  } finally {
    await scene.close();
  }
}
