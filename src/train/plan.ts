/**
 * @file Turns a configuration into what a run needs: data, model, preprocessing, weights, what is trained. Everything that can
 * be refused is refused here, before anything is written.
 */
import { datasets, encoders } from "../catalog.js";
import { type TrainConfig, trainConfig } from "../config.js";
import type { Dataset, Sample } from "../contract.js";
import { leaks } from "../dataset/index.js";
import { resolveEncoderWeights } from "../encoder-weights.js";
import { SegError } from "../errors.js";
import { parseLoss } from "../loss-sum.js";
import { defineModel, type Model } from "../model.js";
import { type Preprocessing, planPreprocessing } from "../preprocess.js";
import type { ModelCard } from "../run/card.js";
import { loraHook } from "./lora.js";

export type Tune = "frozen" | "lora" | "full";

export interface RunPlan {
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly train: readonly Sample[];
  readonly validation: readonly Sample[];
  readonly model: Model;
  readonly head: "softmax" | "sigmoid";
  readonly preprocessing: Preprocessing;
  readonly tune: Tune;
  /** File of encoder weights, or undefined: random. */
  readonly weights: string | undefined;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Side of training crops, before any scaling to the encoder's fixed size; undefined: whole images. */
  readonly cropSize: number | undefined;
  /** Whether the encoder's maps are computed once and kept. */
  readonly cached: boolean;
  readonly warnings: readonly string[];
}

/** Opens the data and decides everything; nothing is written. `from`: card of the model the run starts from. */
export async function planRun(config: TrainConfig, from?: ModelCard): Promise<RunPlan> {
  parseLoss(config.loss, config.lossOptions); // a wrong name is told before data are read
  const { weights, tune } = await startOf(config, from);
  const dataset = await openDataset(config);
  const { train, validation } = splitsOf(config, dataset);
  const head = headOf(config, dataset);
  const { model, preprocessing } = modelFor(config, dataset, tune, head);
  if (from) checkStart(from, dataset, head, config.data);
  const { steps, stepsPerEpoch } = lengthOf(config, train.length);
  const cached = isCached(config, model, tune);
  const cropSize = await cropSizeOf(config, model, train[0], cached);
  const remarks = remarksOn({ config, model, tune, cached, validation }, weights !== undefined || from !== undefined);
  return {
    ...{ config, dataset, train, validation, model, head, tune, weights, steps, stepsPerEpoch, cropSize, cached },
    preprocessing: from ? normalisedAs(from.preprocessing, preprocessing) : preprocessing,
    warnings: [...remarks, ...dataset.warnings, ...(await leaks(dataset))],
  };
}

/** The file of encoder weights, and what is trained of the encoder. */
async function startOf(config: TrainConfig, from: ModelCard | undefined): Promise<Pick<RunPlan, "weights" | "tune">> {
  const encoder = encoders.get(config.encoder);
  const weights = from ? undefined : await resolveEncoderWeights(config.encoder, config.encoderWeights);
  const tune = config.tune ?? (weights ? encoder.defaultTune : "full");
  if (tune !== "lora" || encoder.loraTargets.length > 0) return { weights, tune };
  const those = [...encoders].filter(([, { loraTargets }]) => loraTargets.length > 0).map(([name]) => name);
  throw new SegError(
    "--tune lora",
    `${config.encoder} has no places for it`,
    `use --tune full, or one of: ${those.join(", ")}`,
  );
}

function splitsOf(config: TrainConfig, dataset: Dataset): Pick<RunPlan, "train" | "validation"> {
  const train = dataset.samples("train");
  if (!train.length)
    throw new SegError(
      config.data,
      "the training split is empty",
      "check --data and the dataset's options with seg datasets inspect",
    );
  return { train, validation: dataset.splits.includes("val") ? dataset.samples("val").slice(0, config.valLimit) : [] };
}

function lengthOf(config: TrainConfig, images: number): Pick<RunPlan, "steps" | "stepsPerEpoch"> {
  if (config.steps && config.epochs)
    throw new SegError("--steps", "was given together with --epochs", "give one of them");
  const stepsPerEpoch = Math.max(1, Math.ceil(images / (config.batchSize * config.accumulate)));
  return { stepsPerEpoch, steps: config.steps ?? (config.epochs ?? 20) * stepsPerEpoch };
}

function isCached(config: TrainConfig, model: Model, tune: Tune): boolean {
  const cached = tune === "frozen" && model.encoder.input.size !== undefined && !isProjected(model);
  if (config.precision === "int8" && !cached) {
    const reason = `is for a frozen encoder whose maps are cached, not for ${config.encoder} with --tune ${tune}`;
    throw new SegError("--precision int8", reason, "use --tune frozen with a SAM encoder, or leave it out");
  }
  if (cached || config.views === 1) return cached;
  throw new SegError(
    "--views",
    "are cached views of a frozen, fixed-size encoder",
    "leave it out: augmentation flips and turns",
  );
}

/** Whether bands enter through a 1x1 projection that is trained. */
const isProjected = ({ bands, encoder }: Model) => bands !== encoder.input.bands && encoder.adapt === undefined;

/** What the user should know of the choices made. */
function remarksOn(
  { config, model, tune, cached, validation }: Pick<RunPlan, "config" | "model" | "tune" | "cached" | "validation">,
  isPretrained: boolean,
): string[] {
  const remarks: string[] = [];
  if (tune === "frozen" && !isPretrained)
    remarks.push("the frozen encoder has random weights: only the decoder learns");
  if (!validation.length)
    remarks.push("there is no validation split: no mIoU is measured and the last checkpoint is kept");
  if (tune === "frozen" && isProjected(model))
    remarks.push("the 1x1 projection of the bands is trained through the frozen encoder, so its maps cannot be cached");
  const idle = cached ? idleFlags(config) : [];
  if (idle.length) remarks.push(`augmentation of cached embeddings is --views; ${idle.join("/")} has no effect`);
  return remarks;
}

/** Flags that were given and that training on cached maps never looks at. */
function idleFlags({ augment, size, dataset }: TrainConfig): string[] {
  const isUsual = augment === trainConfig.shape.augment.parse(undefined);
  const isCrop = size !== undefined && !("size" in datasets.get(dataset).defaults);
  return [...(isUsual ? [] : ["--augment"]), ...(isCrop ? ["--size"] : [])];
}

/** A model that training goes on from keeps what its channels are normalised by, and its stretch where it has one. */
function normalisedAs({ mean, std, stretch, bands }: Preprocessing, plan: Preprocessing): Preprocessing {
  return bands.length === plan.bands.length ? { ...plan, mean, std, stretch: stretch ?? plan.stretch } : plan;
}

const LARGEST_DEFAULT_CROP = 512;

/** Encoders of free size train on square crops; others on whole images unless a crop is asked for. */
async function cropSizeOf(
  config: TrainConfig,
  model: Model,
  first: Sample,
  cached: boolean,
): Promise<number | undefined> {
  const { size, multipleOf } = model.encoder.input;
  if (cached) return undefined;
  if (size !== undefined) return config.size;
  const up = (side: number) => Math.ceil(side / multipleOf) * multipleOf;
  if (config.size !== undefined) {
    if (config.size % multipleOf === 0) return config.size;
    throw new SegError(
      `--size ${config.size}`,
      `${config.encoder} needs a multiple of ${multipleOf}`,
      `try ${up(config.size)}`,
    );
  }
  const { width, height } = await first.image();
  return Math.min(up(Math.min(width, height)), up(LARGEST_DEFAULT_CROP));
}

/** Opens the dataset of a configuration (also used by eval and inspect). */
export function openDataset(config: {
  dataset: string;
  data: string;
  datasetOptions: Record<string, unknown>;
  size?: number;
}): Promise<Dataset> {
  const kind = datasets.get(config.dataset);
  const unknown = Object.keys(config.datasetOptions).find((key) => !(key in kind.defaults));
  if (unknown) {
    const known = Object.keys(kind.defaults).join(", ");
    throw new SegError(unknown, `is no option of dataset ${config.dataset}`, `there are: ${known}`);
  }
  const options: Record<string, unknown> = { ...kind.defaults, ...config.datasetOptions };
  if (config.size !== undefined && "size" in kind.defaults) options.size = config.size;
  return kind.open(config.data, options);
}

function checkStart(from: ModelCard, dataset: Dataset, head: string, data: string): void {
  const [own, wanted] = [from.classes, dataset.classes].map((classes) => classes.map(({ name }) => name).join(", "));
  if (own !== wanted)
    throw new SegError(
      data,
      `has the classes ${wanted}; the model knows ${own}`,
      "create a model with the data's classes",
    );
  if (from.head !== head)
    throw new SegError(
      "loss",
      `asks for a ${head} head, the model has ${from.head}`,
      "choose another loss, or create a new model",
    );
}

/** One logit where the task has one foreground class and the loss is a binary one; else a softmax over classes. */
function headOf(config: TrainConfig, dataset: Dataset): "softmax" | "sigmoid" {
  return dataset.classes.length === 2 && /(^|\W)bce(\W|$)/.test(config.loss) ? "sigmoid" : "softmax";
}

/** Bands by the user's choice. A single one is given to each input of the encoder, as grey photos are. */
function chosenBands(
  { adaptBands, bands }: TrainConfig,
  dataset: Dataset,
  inputs: number,
): readonly number[] | undefined {
  const single = bands ?? (dataset.bands.length === 1 ? [1] : undefined);
  return single?.length === 1 && !adaptBands ? Array<number>(inputs).fill(single[0]) : bands;
}

function modelFor(config: TrainConfig, dataset: Dataset, tune: Tune, head: "softmax" | "sigmoid") {
  const encoder = encoders.get(config.encoder);
  const bands = chosenBands(config, dataset, encoder.input.bands);
  const chosen = bands?.length ?? dataset.bands.length;
  if (chosen !== encoder.input.bands && !config.adaptBands) {
    const names = dataset.bands.map((name, i) => `${i + 1} ${name}`).join(", ");
    throw new SegError(
      config.data,
      `has ${chosen} bands (${names}), ${config.encoder} takes ${encoder.input.bands}`,
      `choose with --bands, e.g. --bands 3,2,1, or learn the way in with --adapt-bands`,
    );
  }
  const preprocessing = planPreprocessing(encoder.input, dataset, bands);
  const model = defineModel({
    encoder: config.encoder,
    decoder: config.decoder,
    pyramid: config.pyramid,
    decoderOptions: config.decoderOptions,
    classes: head === "sigmoid" ? 1 : dataset.classes.length,
    bands: chosen,
    hook: tune === "lora" ? loraHook(encoder.loraTargets, config.loraRank, config.loraAlpha) : undefined,
  });
  return { model, preprocessing };
}

/** Side of what the network is given in training. */
export function inputSide({ preprocessing, cropSize }: RunPlan): number {
  if (preprocessing.size !== undefined) return preprocessing.size;
  const { multipleOf } = preprocessing;
  return Math.ceil((cropSize as number) / multipleOf) * multipleOf;
}
