/**
 * @file `predict()`: class maps of photos and GeoTIFFs. Every output is whole or absent and says what it was made from.
 */
import { basename } from "node:path";
import { IGNORE } from "./contract.js";
import { SegError } from "./errors.js";
import { sweepLeftovers } from "./leftovers.js";
import type { OpenModel } from "./open-model.js";
import { outcome, type Prediction, photoQueue } from "./photo-queue.js";
import { checkPixels, type PhotoJob, type PhotoPlan } from "./photo-work.js";
import { expandInputs, filesOf, isComplete, isScene, keyOf, planOutputs } from "./predict-outputs.js";
import { type BlendMode, type Color, type GeoRaster, openGeoTiff, readPhoto, writeGeoTiff } from "./raster/index.js";
import { countWindows, mapScene, type SceneOptions } from "./scene/index.js";
import { settlePrecision } from "./settle-precision.js";
import { silent, type Talk } from "./talk.js";
import { software } from "./version.js";

export type { Prediction } from "./photo-queue.js";

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
  const [began, before] = [performance.now(), open.engine.modelSeconds()];
  sceneOptions(open, options);
  const files = expandInputs(inputs);
  const outputs = planOutputs(files, options.out);
  await sweepLeftovers(outputs.flatMap(filesOf));
  const jobs = files.map((input, i) => ({ input, output: outputs[i] }));
  const photos = jobs.filter(({ input }) => !isScene(input));
  await settlePrecision(open, photos.map(readerOf), talk);
  const queue = photoQueue(await photoPlan(open, options), photos, open.predictor, talk);
  const results: Prediction[] = [];
  try {
    for (const job of jobs) {
      if (isScene(job.input)) {
        results.push(...(await queue.finish())); // what is told of the inputs keeps their order
        results.push(await outcome(job, talk, () => predictScene(open, job, options, talk)));
      } else results.push(...(await queue.next()));
      await talk.breathe();
    }
    results.push(...(await queue.finish()));
  } finally {
    await queue.close();
  }
  tellTimes(results, (performance.now() - began) / 1000, open.engine.modelSeconds() - before, talk);
  return results;
}

const readerOf = ({ input }: PhotoJob) => {
  return () => readPhoto(input);
};

/** How long several outputs took, and the model's share of it. */
function tellTimes(results: readonly Prediction[], seconds: number, modelSeconds: number, talk: Talk): void {
  const written = results.filter(({ state }) => state === "written").length;
  if (written < 2) return;
  const share = `${modelSeconds.toFixed(2)} s (${((100 * modelSeconds) / seconds).toFixed(1)} %) of them inside the model`;
  talk.info(`${written} maps in ${seconds.toFixed(2)} s, ${share}`);
}

async function photoPlan(open: OpenModel, options: PredictOptions): Promise<PhotoPlan> {
  return {
    preprocessing: open.card.preprocessing,
    colors: colorsOf(open),
    parameters: await commonParameters(open),
    force: options.force === true,
  };
}

/** Everything but the input that an output's bytes depend on. */
async function commonParameters(open: OpenModel) {
  const { preprocessing, classes, head } = open.card;
  const model = { digest: await open.digest(), preprocessing, classes, head }; // a foreign checkpoint's are in its YAML file
  const { name: engine, precision } = open.engine;
  const int8 = precision === "fp32" ? {} : { precision, kept: open.predictor.int8()?.kept };
  return { software, model, engine, ...int8 };
}

const colorsOf = ({ card }: OpenModel): Color[] => card.classes.map(({ color }) => [color[0], color[1], color[2]]);

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
  { input, output }: PhotoJob,
  options: PredictOptions,
  talk: Talk,
): Promise<"written" | "complete"> {
  const parameters = { ...(await commonParameters(model)), ...sceneOptions(model, options) };
  const key = await keyOf(input, { ...parameters, alpha: options.alpha ?? null });
  if (await isComplete(input, output, key, options.force === true)) return "complete";
  const scene = await openScene(input, model, options.alpha);
  try {
    const { width, height, grid, bands, dtype } = scene;
    checkPixels(input, bands, dtype, model.card.preprocessing);
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
    return "written";
  } finally {
    await scene.close();
  }
}
