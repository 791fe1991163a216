/**
 * @file A trained model ready to use: from a run folder, a model file of ours, or a checkpoint of segmentation_models.pytorch with a YAML file
 * beside it (docs/models.md).
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createEngine, type Engine, type EngineOptions, type Precision } from "./engine/index.js";
import { type TimedEngine, timed } from "./engine/timed.js";
import { SegError } from "./errors.js";
import { sha256File } from "./files.js";
import { defineModel, type Model, type ModelSpec } from "./model.js";
import { checkInt8, createPredictor, type Predictor } from "./predictor.js";
import { samePreprocessing } from "./preprocess.js";
import type { ModelCard } from "./run/card.js";
import { readModelFile } from "./run/model-file.js";
import { readForeignModel } from "./foreign-model.js";
import { encoders } from "./catalog.js";
import { loraHook } from "./train/lora.js";
import type { StateDict } from "./weights/state.js";

export interface ModelOptions extends EngineOptions {
  readonly engine?: Engine["name"];
  /** 1-based bands to read instead of those the model was trained on, in their order. */
  readonly bands?: readonly number[];
  /** The model only predicts whole inputs: its weights are let go once compiled, where its input has one size. */
  readonly once?: boolean;
}

/** An open model. */
export interface OpenModel {
  /** The file the weights came from. */
  readonly path: string;
  readonly card: ModelCard;
  readonly model: Model;
  readonly state: StateDict;
  readonly engine: TimedEngine;
  readonly predictor: Predictor;
  /** SHA-256 of the weights' file: identity of the model. */
  digest(): Promise<string>;
  close(): Promise<void>;
}

/** Opens a run folder, model file or foreign checkpoint. Rejects with SegError when it is no model. */
export async function openModel(path: string, options: ModelOptions = {}): Promise<OpenModel> {
  const file = modelPath(path);
  return assembleModel({ path: file, ...(await readAny(file)), digest: () => sha256File(file) }, options);
}

/** A card and the weights it is about; `path` is what errors name. */
export interface ModelParts extends Pick<OpenModel, "path" | "card" | "state" | "digest"> {}

/** An open model from its parts. Rejects with SegError where the weights are not those the card describes. */
export async function assembleModel(parts: ModelParts, options: ModelOptions = {}): Promise<OpenModel> {
  const { path, state } = parts;
  const card = options.bands
    ? { ...parts.card, preprocessing: samePreprocessing(parts.card.preprocessing, options.bands) }
    : parts.card;
  const model = defineModel(specOf(card));
  checkState(path, model, state);
  const precision = options.precision ?? usualPrecision(card, options);
  const engine = timed(await createEngine(options.engine ?? "onnx", { ...options, precision }));
  const plan = {
    engine,
    model,
    preprocessing: card.preprocessing,
    constants: state,
    int8: card.int8,
    once: options.once,
  };
  if (precision === "int8") checkInt8(plan);
  const predictor = createPredictor(plan);
  let digest: Promise<string> | undefined;
  return {
    path,
    card,
    model,
    state,
    engine,
    predictor,
    digest: () => (digest ??= parts.digest()),
    close: () => predictor.dispose(),
  };
}

/** What the model was trained on, where the engine has it. */
function usualPrecision({ int8 }: ModelCard, { engine = "onnx", device = "cpu" }: ModelOptions): Precision {
  return int8 && engine === "onnx" && device === "cpu" ? "int8" : "fp32";
}

/** What to tell of a model that runs in another precision than it was trained in. */
export function precisionRemark({
  path,
  card,
  engine,
}: Pick<OpenModel, "path" | "card" | "engine">): string | undefined {
  const trained = card.int8 ? "int8" : "fp32";
  if (trained === engine.precision) return undefined;
  return `${path} was trained with --precision ${trained}, its encoder runs in ${engine.precision} here`;
}

/** The model file of a run folder (best, else last) or of a folder a model was saved into, or the file itself. */
export function modelPath(path: string): string {
  if (!existsSync(path))
    throw new SegError(path, "does not exist", "give the run folder of seg train, or a model file");
  if (!statSync(path).isDirectory()) return path;
  for (const folder of ["checkpoints/best", "checkpoints/last", "."]) {
    const file = join(path, folder, "model.safetensors");
    if (existsSync(file)) return file;
  }
  throw new SegError(path, "is a folder without a model", "give the run folder of seg train, or a model file");
}

async function readAny(file: string): Promise<{ card: ModelCard; state: StateDict }> {
  const beside = file.replace(/\.[^./\\]+$/, ".yaml");
  return beside !== file && existsSync(beside) ? readForeignModel(file, beside) : readModelFile(file);
}

/** The model a card describes. */
export function specOf(card: ModelCard): ModelSpec {
  return {
    encoder: card.encoder,
    decoder: card.decoder,
    pyramid: card.pyramid,
    decoderOptions: card.decoderOptions,
    classes: card.head === "sigmoid" ? 1 : card.classes.length,
    bands: card.preprocessing.bands.length,
    hook: card.lora ? loraHook(encoders.get(card.encoder).loraTargets, card.lora.rank, card.lora.alpha) : undefined,
  };
}

function checkState(file: string, model: Model, state: StateDict): void {
  for (const [name, { tensor }] of model.slots()) {
    const value = state.get(name);
    if (!value) throw new SegError(file, `has no ${name}`, "use a model written by seg train");
    if (String(value.shape) !== String(tensor.shape)) {
      throw new SegError(
        file,
        `${name} is [${value.shape}], the model has [${tensor.shape}]`,
        "use a model written by seg train",
      );
    }
  }
}
