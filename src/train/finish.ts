/** @file The end of a run: scores of the best weights, sample overlays, summary.json. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "../engine/index.js";
import { SegError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { type Confusion, confusionRows, CONVENTION, scoresOf } from "../metrics.js";
import { countParameters } from "../model.js";
import { createPredictor } from "../predictor.js";
import { displayImage } from "../postprocess.js";
import { overlay, writePng } from "../raster/index.js";
import { readModelFile } from "../run/model-file.js";
import type { RunSummary } from "../run/summary.js";
import type { Talk } from "../talk.js";
import { software } from "../version.js";
import type { LoopResult } from "./loop.js";
import type { RunPlan } from "./plan.js";
import { type ValidationItem, validate } from "./validate.js";
import { isFrozen } from "./weights.js";
import type { RunData } from "./data.js";

export interface FinishedRun {
  readonly plan: RunPlan;
  readonly folder: string;
  readonly engine: Engine;
  readonly result: LoopResult;
  readonly data: RunData;
  readonly talk: Talk;
  readonly seconds: number;
}

/** Overlays written into samples/. */
const SAMPLES = 8;

/** Scores the best checkpoint, writes samples/ and summary.json. */
export async function finishRun(run: FinishedRun): Promise<RunSummary> {
  const items: ValidationItem[] = [];
  const matrix = run.plan.validation.length ? await scoreBest(run, items) : undefined;
  await writeSamples(run, items);
  const summary = summarise(run, matrix);
  await writeFileAtomic(join(run.folder, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

async function scoreBest(run: FinishedRun, items: ValidationItem[]): Promise<Confusion> {
  const { plan, folder, engine, data, talk } = run;
  const path = join(folder, "checkpoints", "best", "model.safetensors");
  if (!existsSync(path)) throw new SegError(path, "is gone, so the run has no model", "start a new run");
  const { state } = await readModelFile(path);
  const { model, preprocessing } = plan;
  const predictor = createPredictor({ engine, model, preprocessing, constants: state });
  try {
    const keep = (item: ValidationItem) => {
      if (items.length < SAMPLES) items.push(item);
    };
    return await validate(plan.validation, plan.dataset.classes.length, data.scorer(predictor), talk, keep);
  } finally {
    await predictor.dispose();
  }
}

/** Image, labels and prediction side by side. */
async function writeSamples({ plan, folder }: FinishedRun, items: readonly ValidationItem[]): Promise<void> {
  await mkdir(join(folder, "samples"), { recursive: true });
  const colors = plan.dataset.classes.map(({ color }) => color);
  for (const [i, { image, labels, predicted }] of items.entries()) {
    const shown = displayImage(image, plan.preprocessing);
    const { width, height } = image;
    const name = `${String(i).padStart(2, "0")}`;
    await writePng(join(folder, "samples", `${name}-image.png`), shown);
    await writePng(join(folder, "samples", `${name}-labels.png`), overlay(shown, labels, colors));
    await writePng(
      join(folder, "samples", `${name}-prediction.png`),
      overlay(shown, { data: predicted, width, height }, colors),
    );
  }
}

function summarise({ plan, result, seconds, data }: FinishedRun, matrix: Confusion | undefined): RunSummary {
  const scores = matrix && scoresOf(matrix);
  const slots = plan.model.slots();
  const side = plan.preprocessing.size ?? plan.cropSize ?? 512;
  return {
    software,
    encoder: plan.config.encoder,
    decoder: plan.config.decoder,
    tune: plan.tune,
    seed: plan.config.seed,
    ...(data.int8 ? { int8: data.int8 } : {}),
    steps: result.progress.step,
    bestStep: result.progress.best?.step ?? result.progress.step,
    mIoU: scores?.mIoU ?? null,
    convention: CONVENTION,
    classes: plan.dataset.classes.map(({ name }) => name),
    iou: scores?.iou ?? [],
    confusion: matrix ? confusionRows(matrix) : [],
    parameters: countParameters(slots),
    trainedParameters: countParameters(slots, (name) => !isFrozen(name, plan.tune)),
    flops: plan.model.flops(side, side),
    secondsPerStep: Number(result.secondsPerStep.toFixed(4)),
    totalSeconds: Number(seconds.toFixed(1)),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
}
