/** @file `evaluate()`: scores a model on a split, with the confusion matrix every convention can be computed from. */
import { openDataset } from "./train/plan.js";
import type { Dataset } from "./contract.js";
import { SegError } from "./errors.js";
import { confusionRows, CONVENTION, type Scores, scoresOf } from "./metrics.js";
import type { OpenModel } from "./open-model.js";
import { silent, type Talk } from "./talk.js";
import { settlePrecision } from "./settle-precision.js";
import { validate } from "./train/validate.js";

export interface EvaluateOptions {
  readonly dataset: string;
  readonly data: string;
  /** Default `val`. */
  readonly split?: string;
  /** The first N samples only. */
  readonly limit?: number;
  readonly size?: number;
  readonly datasetOptions?: Record<string, unknown>;
}

/** What `evaluate` found. */
export interface Evaluation extends Scores {
  readonly model: string;
  readonly split: string;
  readonly images: number;
  readonly convention: string;
  readonly classes: readonly string[];
  /** Rows: label, columns: prediction; pixels. */
  readonly confusion: number[][];
  readonly ignoredPixels: number;
}

/** Scores a model on a data set whose classes are the model's. */
export async function evaluate(open: OpenModel, options: EvaluateOptions, talk: Talk = silent): Promise<Evaluation> {
  const split = options.split ?? "val";
  const dataset = await openDataset({ ...options, datasetOptions: options.datasetOptions ?? {} });
  checkClasses(dataset, open, options.data);
  const samples = dataset.samples(split).slice(0, options.limit);
  if (!samples.length) throw new SegError(options.data, `split ${split} is empty`, "choose another --split");
  const images = samples.map((sample) => () => sample.image());
  await settlePrecision(open, images, talk);
  const matrix = await validate(samples, dataset.classes.length, open.predictor, talk);
  for (const line of dataset.warnings) talk.warn(line); // those that reading images added, too
  return {
    model: open.path,
    split,
    images: samples.length,
    convention: CONVENTION,
    classes: dataset.classes.map(({ name }) => name),
    ...scoresOf(matrix),
    confusion: confusionRows(matrix),
    ignoredPixels: matrix.ignored,
  };
}

function checkClasses(dataset: Dataset, { card, path }: OpenModel, data: string): void {
  const [model, own] = [card.classes, dataset.classes].map((classes) => classes.map(({ name }) => name).join(", "));
  if (model !== own)
    throw new SegError(
      data,
      `has the classes ${own}; ${path} knows ${model}`,
      "evaluate on data with the model's classes",
    );
}
