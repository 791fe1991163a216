/**
 * @file `predict()`: class maps of photos and GeoTIFFs. Every output is whole or absent and carries a key of what made it (input, model, parameters),
 * so that a repeated call knows what is complete.
 */
import { existsSync, statSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { IGNORE } from "./contract.js";
import { errorLine, SegError } from "./errors.js";
import { sha256, sha256File } from "./files.js";
import type { OpenModel } from "./open-model.js";
import { argMaxClasses, displayImage } from "./postprocess.js";
import {
  type BlendMode,
  type Color,
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

/** Predicts every input; one that fails is reported and the rest goes on. Rejects only for faults of the options. */
export async function predict(
  open: OpenModel,
  inputs: readonly string[],
  options: PredictOptions,
  talk: Talk = silent,
): Promise<Prediction[]> {
  const outputs = planOutputs(inputs, options.out);
  const results: Prediction[] = [];
  for (const [i, input] of inputs.entries()) {
    results.push(await predictOne(open, input, outputs[i], options, talk));
    await talk.breathe();
  }
  return results;
}

const isScene = (path: string) => /\.tiff?$/i.test(path);
const suffixOf = (input: string) => (isScene(input) ? ".tif" : ".png");

/** Output of each input; two inputs never share one. */
function planOutputs(inputs: readonly string[], out: string): string[] {
  const toFile =
    inputs.length === 1 && /\.(png|tiff?)$/i.test(out) && !(existsSync(out) && statSync(out).isDirectory());
  if (toFile) {
    if (isScene(inputs[0]) !== isScene(out))
      throw new SegError(
        `--out ${out}`,
        `a ${suffixOf(inputs[0])} is written for ${inputs[0]}`,
        "name it so, or give a folder",
      );
    return [out];
  }
  const outputs = inputs.map((input) => join(out, basename(input, extname(input)) + suffixOf(input)));
  const twice = outputs.find((path, i) => outputs.indexOf(path) !== i);
  if (twice) throw new SegError(twice, "two inputs would be written to it", "predict them into different folders");
  return outputs;
}

async function predictOne(
  open: OpenModel,
  input: string,
  output: string,
  options: PredictOptions,
  talk: Talk,
): Promise<Prediction> {
  try {
    if (!existsSync(input)) throw new SegError(input, "does not exist", "check the path");
    await mkdir(dirname(output), { recursive: true });
    const key = await keyOf(open, input, options);
    if (existsSync(output) && (await holdsKey(output, key))) return { input, output, state: "complete" };
    if (existsSync(output) && !options.force) {
      throw new SegError(
        output,
        "exists and was made from something else",
        "choose another --out, or replace it with --force",
      );
    }
    await (isScene(input) ? predictScene : predictPhoto)(open, input, output, key, options, talk);
    return { input, output, state: "written" };
  } catch (error) {
    if (!(error instanceof SegError)) throw error;
    talk.warn(errorLine(error));
    return { input, output, state: "failed", error };
  }
}

/** Everything an output's bytes depend on. */
async function keyOf(open: OpenModel, input: string, options: PredictOptions): Promise<string> {
  const { preprocessing } = open.card;
  const { tile, overlap, blend } = sceneOptions(open, options);
  const parts = {
    software,
    input: await sha256File(input),
    model: await open.digest(),
    preprocessing,
    engine: open.engine.name,
  };
  return `sam-seg:${sha256(JSON.stringify(isScene(input) ? { ...parts, tile, overlap, blend } : parts))}`;
}

/** The key stands in the last bytes of our files. */
async function holdsKey(path: string, key: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    for (const start of [0, Math.max(0, size - 65536)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(65536), 0, 65536, start);
      if (buffer.subarray(0, bytesRead).includes(key)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

const colorsOf = ({ card }: OpenModel): Color[] => card.classes.map(({ color }) => [color[0], color[1], color[2]]);

async function predictPhoto(
  { predictor, card, ...open }: OpenModel,
  input: string,
  output: string,
  key: string,
  _: PredictOptions,
  talk: Talk,
): Promise<void> {
  const image = await readPhoto(input, { warn: talk.warn });
  const data = argMaxClasses(await predictor.scores(image));
  const { valid, width, height } = image;
  const labels = { data: valid ? data.map((value, i) => (valid[i] ? value : IGNORE)) : data, width, height };
  const colors = colorsOf({ card, predictor, ...open });
  const shown = displayImage(image, card.preprocessing);
  await writePng(output.replace(/\.png$/i, "-overlay.png"), overlay(shown, labels, colors));
  await writeIndexedPng(output, labels, colors, key);
}

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

async function predictScene(
  model: OpenModel,
  input: string,
  output: string,
  key: string,
  options: PredictOptions,
  talk: Talk,
): Promise<void> {
  const scene = await openGeoTiff(input);
  try {
    const scened = sceneOptions(model, options);
    const { card } = model;
    const colors = new Map<number, Color>(colorsOf(model).map((color, i) => [i, color]));
    const names = Object.fromEntries(card.classes.map(({ name }, i) => [`CLASS_${i}`, name]));
    const metadata = { ...names, SOFTWARE: software, KEY: key };
    const { width, height, grid } = scene;
    const bar = talk.progress(basename(input), countWindows(width, height, scened));
    try {
      await writeGeoTiff(
        output,
        { width, height, bands: 1, dtype: "uint8", grid, nodata: IGNORE, colors, metadata },
        (writer) => mapScene(scene, model.predictor, scened, (rows) => writer.write(rows), bar),
      );
    } finally {
      bar.end();
    }
  } finally {
    await scene.close();
  }
}
