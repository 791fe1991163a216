/**
 * @file `train()`: plans a run, prepares its folder and data, trains, and writes what a reader of the run wants to see.
 */
import { createEngine, type Engine } from "../engine/index.js";
import { type TimedEngine, timed } from "../engine/timed.js";
import { parseTrainConfig, type TrainOptions } from "../config.js";
import { parseLoss } from "../loss-sum.js";
import { type Schedule, schedule } from "../optim/index.js";
import { createPredictor, type Predictor } from "../predictor.js";
import { writeRunReport } from "../report/run-report.js";
import { type Progress, START, saveCheckpoint } from "../run/checkpoint.js";
import { openRun, type RunFolder } from "../run/folder.js";
import { type SavedFrozen, saveFrozen } from "../run/model-file.js";
import type { RunSummary } from "../run/summary.js";
import { errorLine } from "../errors.js";
import { silent, Stopped, type Talk } from "../talk.js";
import type { StateDict } from "../weights/state.js";
import { classWeights } from "./class-weights.js";
import { type LoopParts, type LoopResult, saveLast, trainLoop } from "./loop.js";
import { runData } from "./data.js";
import { predictRunMemory, shortage } from "./memory.js";
import { inputSide, planRun, type RunPlan } from "./plan.js";
import { resumePoint } from "./resume.js";
import { createSession, type Session } from "./session.js";
import { finishRun } from "./finish.js";
import { validate } from "./validate.js";
import { cardOf, initialWeights, type RunWeights, splitWeights, type StartingModel } from "./weights.js";

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
  const engine = timed(await createEngine(config.engine, { device, threads, precision }));
  if (device === "cpu") await warnOfShortage(plan, engine, talk);
  const folder = await openRun(config, engine.description);
  try {
    await folder.status("running", "started");
    const summary = await trainIn(folder, plan, engine, withRemarks(talk, plan), from);
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

/** Tells before the first step that memory will not do. */
async function warnOfShortage(plan: RunPlan, engine: Engine, talk: Talk): Promise<void> {
  const memory = await predictRunMemory(plan, engine);
  const line = memory && shortage(plan, memory);
  if (line) talk.warn(line);
}

/** A talk that also warns of what comes up as images are read: data sets add such remarks late. */
function withRemarks(talk: Talk, { warnings, dataset }: RunPlan): Talk {
  const told = new Set(warnings);
  const breathe = () => {
    for (const line of dataset.warnings.filter((remark) => !told.has(remark))) {
      told.add(line);
      talk.warn(line);
    }
    return talk.breathe();
  };
  return { ...talk, breathe };
}

async function trainIn(
  folder: RunFolder,
  plan: RunPlan,
  engine: TimedEngine,
  talk: Talk,
  from?: StartingModel,
): Promise<RunSummary> {
  const began = Date.now();
  const resumed = await resumePoint(folder, plan, talk);
  const weights = splitWeights(plan.model, plan.tune, resumed?.state ?? (await initialWeights(plan, from)));
  const saved = resumed ? undefined : await frozenOf(folder, weights);
  try {
    return await trainOn({ began, folder, plan, engine, talk, resumed, weights, saved });
  } finally {
    await saved?.whole.catch(() => {}); // nothing is written any more when the run has ended, however it did
  }
}

interface Beginning {
  /** Milliseconds, of the clock. */
  readonly began: number;
  readonly folder: RunFolder;
  readonly plan: RunPlan;
  readonly engine: TimedEngine;
  readonly talk: Talk;
  readonly resumed: Awaited<ReturnType<typeof resumePoint>>;
  readonly weights: RunWeights;
  readonly saved: SavedFrozen | undefined;
}

async function trainOn(beginning: Beginning): Promise<RunSummary> {
  const { began, folder, plan, engine, talk, resumed, weights, saved } = beginning;
  const frozen = resumed ? resumed.card.frozen : saved?.card;
  const session = await sessionOf(plan, engine, weights, resumed?.optimizer);
  const data = await runData(plan, engine, weights.frozen, talk, resumed?.card.int8);
  const predictor = predictorOf(plan, engine, session);
  try {
    const scorer = data.scorer(predictor);
    const parts: LoopParts = {
      ...{ plan, session, folder, talk, schedule: scheduleOf(plan), batches: data.batches },
      modelSeconds: engine.modelSeconds,
      validate: () => validate(plan.validation, plan.dataset.classes.length, scorer, talk),
      card: (step) => cardOf(plan, step, { frozen, int8: data.int8 }),
      start: resumed?.progress ?? START,
    };
    await saved?.whole; // stored while the session was made
    const result = await loopFrom(parts, resumed !== undefined);
    const seconds = (Date.now() - began) / 1000;
    const summary = await finishRun({ plan, folder: folder.path, engine, result, talk, data, seconds });
    await writeRunReport(folder.path, summary);
    return summary;
  } finally {
    await predictor.dispose();
    await data.dispose();
    await session.dispose();
  }
}

/** The weights training never changes, kept once. */
async function frozenOf(folder: RunFolder, { frozen }: RunWeights): Promise<SavedFrozen | undefined> {
  return frozen.size ? saveFrozen(folder.path, frozen) : undefined;
}

async function sessionOf(
  plan: RunPlan,
  engine: Engine,
  weights: RunWeights,
  optimizer: StateDict | undefined,
): Promise<Session> {
  const { config, dataset, train: samples } = plan;
  const weighting = await classWeights(config.classWeights, dataset.classes, samples);
  const loss = parseLoss(config.loss, config.lossOptions);
  const side = inputSide(plan);
  const sides = { height: side, width: side };
  return createSession({ engine, plan, loss, weights, classWeights: weighting, optimizer, ...sides });
}

/** Predicts with the weights a session has at the moment. */
function predictorOf({ model, preprocessing }: RunPlan, engine: Engine, session: Session): Predictor {
  const feeds = () => session.current();
  return createPredictor({ engine, model, preprocessing, constants: session.weights.frozen, feeds });
}

function scheduleOf({ config, steps }: RunPlan): Schedule {
  const beta1 = config.optimizer === "sgd" ? config.momentum : 0.9;
  return schedule({ ...config, name: config.schedule, steps, beta1 });
}

async function loopFrom(parts: LoopParts, isResumed: boolean): Promise<LoopResult> {
  if (!isResumed) await saveLast(parts, START);
  const result = await trainLoop(parts);
  if (!parts.plan.validation.length) await saveFinal(parts, result.progress);
  return result;
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
