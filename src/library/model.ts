/**
 * @file A model in the hands of a program: made new (`createModel`) or opened (`loadModel`), used on images, saved, exported. Everything the command
 * line does with a model takes one of these.
 */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encoders } from "../catalog.js";
import type { ClassInfo, LabelMap, Raster } from "../contract.js";
import { IGNORE } from "../contract.js";
import { colorClasses, parseClasses } from "../dataset/classes.js";
import { resolveEncoderWeights } from "../encoder-weights.js";
import { SegError } from "../errors.js";
import { type Exported, type ExportOptions, exportOnnx } from "../export.js";
import { sha256 } from "../files.js";
import { defineModel, type ModelSpec } from "../model.js";
import { assembleModel, type ModelOptions, type OpenModel, openModel, specOf } from "../open-model.js";
import { argMaxClasses, type Scores, toProbabilities } from "../postprocess.js";
import type { TensorData } from "../graph/tensor.js";
import { planPreprocessing, selectBands, toInput } from "../preprocess.js";
import { readPhoto } from "../raster/index.js";
import type { ModelCard } from "../run/card.js";
import { CARD_KEY } from "../run/model-file.js";
import type { Tune } from "../train/plan.js";
import { initialWeights } from "../train/weights.js";
import { software } from "../version.js";
import { writeSafetensors } from "../weights/safetensors.js";

/** What a model says about one image, on the image's own grid. */
export interface ImagePrediction {
  /** Most likely class of each pixel [H, W], IGNORE (255) where the image holds no data. */
  readonly mask: LabelMap;
  /** [classes, H, W], each pixel summing to 1; a sigmoid head gives background and foreground. */
  readonly probabilities: Scores;
  readonly classes: readonly ClassInfo[];
}

/** An open model with what a program does with it. */
export interface SegmentationModel extends OpenModel {
  /**
   * Predicts one image: the path of a photo (PNG, JPEG, WebP), or decoded pixels [H, W, bands] in their own data type. For scenes on disk
   * use `predict`. Rejects with SegError for a file that cannot be read and for too few bands.
   */
  predict(image: string | Raster): Promise<ImagePrediction>;
  /** Writes card and weights as FILE.safetensors, or as model.safetensors into a folder; `loadModel` reads it. Resolves to the file. */
  save(path: string): Promise<string>;
  /** Writes one ONNX file: raw image in, class scores out. Rejects with SegError for sizes the encoder cannot take. */
  export(path: string, options?: ExportOptions): Promise<Exported>;
}

/** How a program opens a model. */
export interface LoadOptions extends ModelOptions {
  /** Photos that decide which layers `precision: "int8"` leaves in float32, where the model does not say; default: the first image it is used on. */
  readonly calibration?: readonly string[];
}

/** What `createModel` takes; the names are those of `seg train`'s flags. */
export interface CreateModelOptions extends Omit<LoadOptions, "bands"> {
  readonly encoder: string;
  readonly decoder: string;
  /** A count, names (`"background,road"` or a list), or names with colours. */
  readonly classes: number | string | readonly (string | ClassInfo)[];
  /** A name of published weights, a file, or `none` (seeded random). Default: the published ones, which must be on this machine. */
  readonly encoderWeights?: string;
  readonly allowPartial?: boolean;
  readonly pyramid?: ModelSpec["pyramid"];
  readonly decoderOptions?: Readonly<Record<string, unknown>>;
  /** Bands of the images; default the encoder's. */
  readonly bands?: number;
  /** `sigmoid`: one channel for two classes. Default `softmax`. */
  readonly head?: ModelCard["head"];
  /** What training will change of the encoder; default as in `seg train`. */
  readonly tune?: Tune;
  readonly loraRank?: number;
  readonly loraAlpha?: number;
  readonly seed?: number;
}

/** Opens a run folder of `train`, a saved model, or a checkpoint of segmentation_models.pytorch with its YAML file. Rejects with SegError when it is none. */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<SegmentationModel> {
  return calibratedBy(withMethods(await openModel(path, options)), options.calibration);
}

async function calibratedBy(open: SegmentationModel, photos: readonly string[] = []): Promise<SegmentationModel> {
  const { preprocessing } = open.card;
  const inputs: TensorData[] = [];
  for (const path of photos)
    inputs.push(toInput(selectBands(await readPhoto(path), preprocessing), preprocessing).input);
  if (inputs.length) await open.predictor.calibrate(inputs);
  return open;
}

/** A new model, its encoder with weights. Rejects with SegError for unknown names, parts that do not fit and weights that are not on this machine. */
export async function createModel(options: CreateModelOptions): Promise<SegmentationModel> {
  const weights = await resolveEncoderWeights(options.encoder, options.encoderWeights);
  const tune = options.tune ?? (weights ? encoders.get(options.encoder).defaultTune : "full");
  const card = cardFor(options, tune);
  const model = defineModel(specOf(card));
  const { seed = 0, encoder, allowPartial = false } = options;
  const state = await initialWeights({ model, tune, weights, config: { seed, encoder, allowPartial } });
  const digest = async () => {
    const parts = [...state].map(
      ([name, { data }]) => `${name} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`,
    );
    return sha256([JSON.stringify(card), ...parts].join("\n"));
  };
  const { engine, device, threads, precision } = options;
  const open = await assembleModel(
    { path: `new ${encoder} + ${options.decoder}`, card, state, digest },
    { engine, device, threads, precision },
  );
  return calibratedBy(withMethods(open), options.calibration);
}

function cardFor(options: CreateModelOptions, tune: Tune): ModelCard {
  const { input } = encoders.get(options.encoder);
  const count = options.bands ?? input.bands;
  const bands = count === 3 ? ["red", "green", "blue"] : Array.from({ length: count }, (_, i) => `band ${i + 1}`);
  const { head = "softmax", loraRank = 8, loraAlpha = 16 } = options;
  const classes = colorClasses(parseClasses(options.classes, "classes"));
  if (head === "sigmoid" && classes.length !== 2)
    throw new SegError(
      "head sigmoid",
      `is for two classes, not ${classes.length}`,
      "leave it out, or name background and foreground",
    );
  const preprocessing = planPreprocessing(input, { bands, photo: true });
  return {
    format: 1,
    encoder: options.encoder,
    decoder: options.decoder,
    pyramid: options.pyramid ?? "simple",
    decoderOptions: { ...options.decoderOptions },
    adaptBands: count !== input.bands,
    classes: classes.map(({ name, color: [r, g, b] }) => ({ name, color: [r, g, b] })),
    head,
    preprocessing: {
      ...preprocessing,
      bands: [...preprocessing.bands],
      bandNames: [...preprocessing.bandNames],
      mean: [...preprocessing.mean],
      std: [...preprocessing.std],
      stretch: undefined,
    },
    tune,
    ...(tune === "lora" ? { lora: { rank: loraRank, alpha: loraAlpha } } : {}),
    step: 0,
    software,
  };
}

function withMethods(open: OpenModel): SegmentationModel {
  return {
    ...open,
    predict: (image) => predictImage(open, image),
    save: (path) => saveModel(open, path),
    export: (path, options) => exportOnnx(open, path, options),
  };
}

async function predictImage({ predictor, card }: OpenModel, given: string | Raster): Promise<ImagePrediction> {
  if (typeof given === "string" && /\.tiff?$/i.test(given))
    throw new SegError(given, "is a scene, not a photo", "map it with predict(model, [path], { out })");
  const image = typeof given === "string" ? await readPhoto(given) : given;
  const scores = await predictor.scores(image);
  const { width, height } = image;
  const data = argMaxClasses(scores);
  image.valid?.forEach((valid, i) => {
    if (!valid) data[i] = IGNORE;
  });
  return { mask: { data, width, height }, probabilities: toProbabilities(scores), classes: card.classes };
}

async function saveModel({ card, state }: OpenModel, path: string): Promise<string> {
  const file = path.endsWith(".safetensors") ? path : join(path, "model.safetensors");
  const { frozen: _, ...whole } = card;
  await mkdir(dirname(file), { recursive: true });
  await writeSafetensors(file, state, { [CARD_KEY]: JSON.stringify(whole) });
  return file;
}
