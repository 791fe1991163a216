/**
 * @file `train()`: plans a run, prepares its folder and data, trains, and writes what a reader of the run wants to see.
 */
import { isDeepStrictEqual } from "node:util";
import { createEngine, type Engine } from "../engine/index.js";
import { parseTrainConfig, type TrainOptions } from "../config.js";
import { batcher } from "../data/batch.js";
import { parseLoss } from "../loss-sum.js";
import { schedule } from "../optim/index.js";
import { createPredictor } from "../predictor.js";
import { writeRunReport } from "../report/run-report.js";
import type { ModelCard } from "../run/card.js";
import { loadLatest, type Progress, START, saveCheckpoint, sweepCheckpoints } from "../run/checkpoint.js";
import { openRun, type RunFolder } from "../run/folder.js";
import { cutMetrics } from "../run/metrics-log.js";
import { saveFrozen } from "../run/model-file.js";
import type { RunSummary } from "../run/summary.js";
import { errorLine, SegError } from "../errors.js";
import { silent, Stopped, type Talk } from "../talk.js";
import type { StateDict } from "../weights/state.js";
import { cachedBatcher, cachedMaps } from "./cached.js";
import { classWeights } from "./class-weights.js";
import { type LoopParts, saveLast, trainLoop } from "./loop.js";
import { planRun, type RunPlan } from "./plan.js";
import { createSession, type Session } from "./session.js";
import { finishRun } from "./finish.js";
import { type Scorer, validate } from "./validate.js";
import { cardOf, initialWeights, splitWeights, type StartingModel } from "./weights.js";

export { openDataset, planRun, type RunPlan, type Tune } from "./plan.js";
export type { StartingModel } from "./weights.js";

/**
 * Trains a model and writes its run folder. Rejects with SegError for anything the user can mend (before the first step where possible), with
 * `Stopped` when the talk's signal was aborted and everything is saved. `from`: weights to start from instead of the encoder's published ones.
 */
export async function train(options: TrainOptions, talk: Talk = silent, from?: StartingModel): Promise<RunSummary> {
  const config = parseTrainConfig(options);
  const plan = await planRun(config, from?.card);
  for (const line of plan.warnings) talk.warn(line);
  const { device, threads, precision } = config;
  const engine = await createEngine(config.engine, { device, threads, precision });
  const folder = await openRun(config, engine.description);
  try {
    await folder.status("running", "started");
    const summary = await trainIn(folder, plan, engine, talk, from);
    await folder.status("done", "finished");
    return summary;
  } catch (error) {
    const state = error instanceof Stopped ? "stopped" : "failed";
    await folder.status(state, errorLine(error)).catch(() => {}); // the error itself is the one to tell
    throw error;
  } finally {
    await folder.release();
  }
}

async function trainIn(
  folder: RunFolder,
  plan: RunPlan,
  engine: Engine,
  talk: Talk,
  from?: StartingModel,
): Promise<RunSummary> {
  const began = Date.now();
  const resumed = await resumePoint(folder, plan, talk);
  const state = resumed?.state ?? (await initialWeights(plan, from));
  const weights = splitWeights(plan.model, plan.tune, state);
  const frozen = resumed
    ? resumed.card.frozen
    : weights.frozen.size
      ? await saveFrozen(folder.path, weights.frozen)
      : undefined;
  const weighting = await classWeights(plan.config.classWeights, plan.dataset.classes, plan.train);
  const loss = parseLoss(plan.config.loss, plan.config.lossOptions);
  const side = inputSide(plan);
  const session = await createSession({
    engine,
    plan,
    loss,
    weights,
    classWeights: weighting,
    optimizer: resumed?.optimizer,
    height: side,
    width: side,
  });
  const data = await dataOf(plan, engine, session, weights.frozen, talk);
  try {
    const parts: LoopParts = {
      plan,
      session,
      folder,
      talk,
      schedule: schedule({
        ...plan.config,
        name: plan.config.schedule,
        steps: plan.steps,
        beta1: plan.config.optimizer === "sgd" ? plan.config.momentum : 0.9,
      }),
      makeBatch: data.makeBatch,
      validate: () => validate(plan.validation, plan.dataset.classes.length, data.scorer, talk),
      card: (step) => cardOf(plan, step, frozen),
      start: resumed?.progress ?? START,
    };
    if (!resumed) await saveLast(parts, START);
    const result = await trainLoop(parts);
    if (!plan.validation.length) await saveFinal(parts, result.progress);
    const summary = await finishRun({
      plan,
      folder: folder.path,
      engine,
      result,
      talk,
      data,
      seconds: (Date.now() - began) / 1000,
    });
    await writeRunReport(folder.path, summary);
    return summary;
  } finally {
    await data.dispose();
    await session.dispose();
  }
}

/** Without a validation split the last weights (averaged where asked for) are the model. */
function saveFinal({ folder, card, session }: LoopParts, progress: Progress): Promise<void> {
  return saveCheckpoint(folder.path, "best", {
    card: card(progress.step),
    state: session.current(),
    optimizer: new Map(),
    progress,
  });
}

async function resumePoint(folder: RunFolder, plan: RunPlan, talk: Talk) {
  await sweepCheckpoints(folder.path);
  const checkpoint = plan.config.resume ? await loadLatest(folder.path, talk.warn) : undefined;
  if (checkpoint) refuseOther(folder.path, checkpoint.card, cardOf(plan, 0));
  if (checkpoint) talk.info(`resumed at step ${checkpoint.progress.step}`);
  await cutMetrics(folder.metrics, checkpoint?.progress ?? START);
  return checkpoint;
}

/** The data may have changed since the run was started: then it is another run. */
function refuseOther(run: string, before: ModelCard, now: ModelCard): void {
  const facts: readonly (keyof ModelCard)[] = ["classes", "preprocessing", "head", "cropSize", "tune"];
  const stored = JSON.parse(JSON.stringify(now)) as ModelCard; // without fields that are undefined, as it was written
  const changed = facts.find((fact) => !isDeepStrictEqual(before[fact], stored[fact]));
  if (!changed) return;
  throw new SegError(run, `its ${changed} are no longer what the data give`, "restore the data, or start a new run");
}

function inputSide({ preprocessing, cropSize }: RunPlan): number {
  if (preprocessing.size !== undefined) return preprocessing.size;
  const { multipleOf } = preprocessing;
  return Math.ceil((cropSize as number) / multipleOf) * multipleOf;
}

/** Where a run's batches and validation scores come from. */
export interface RunData {
  readonly makeBatch: LoopParts["makeBatch"];
  readonly scorer: Scorer;
  dispose(): Promise<void>;
}

async function dataOf(
  plan: RunPlan,
  engine: Engine,
  session: Session,
  frozen: StateDict,
  talk: Talk,
): Promise<RunData> {
  const { model, preprocessing, config, cropSize } = plan;
  const predictor = createPredictor({
    engine,
    model,
    preprocessing,
    constants: frozen,
    feeds: () => session.current(),
  });
  if (!plan.cached) {
    const batches = batcher({
      samples: plan.train,
      preprocessing,
      preset: config.augment,
      size: cropSize,
      seed: config.seed,
    });
    return { makeBatch: batches, scorer: predictor, dispose: () => predictor.dispose() };
  }
  const encoder = createPredictor({ engine, model, preprocessing, constants: frozen });
  const cache = cachedMaps(plan, encoder, frozen, `${engine.name} ${config.device} ${config.precision}`, talk);
  await cache.fill(plan.train, config.views);
  await cache.fill(plan.validation, 1);
  return {
    makeBatch: cachedBatcher(plan, cache),
    scorer: { scores: async (image, sample) => predictor.scoresOfMaps(await cache.maps(sample, 0), image) },
    async dispose() {
      await encoder.dispose();
      await predictor.dispose();
    },
  };
}
