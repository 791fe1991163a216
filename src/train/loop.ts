/**
 * @file The training loop: steps, validation, checkpoints, early stop, guard against values that are not finite, and a clean end on a signal.
 */
import { EXIT, SegError } from "../errors.js";
import { CONVENTION, type Confusion, scoresOf } from "../metrics.js";
import type { Schedule } from "../optim/index.js";
import { type Progress as RunProgress, saveCheckpoint } from "../run/checkpoint.js";
import { appendMetrics, type MetricsRow, readMetrics, syncMetrics } from "../run/metrics-log.js";
import type { RunFolder } from "../run/folder.js";
import { Stopped, type Talk } from "../talk.js";
import type { ModelCard } from "../run/card.js";
import type { StateDict } from "../weights/state.js";
import type { RunPlan } from "./plan.js";
import type { Session, StepInput } from "./session.js";

export interface LoopParts {
  readonly plan: RunPlan;
  readonly session: Session;
  readonly folder: RunFolder;
  readonly schedule: Schedule;
  readonly talk: Talk;
  /** Batches by number, asked for in rising order. */
  readonly batches: (n: number) => Promise<StepInput & { readonly ids: readonly string[] }>;
  /** Seconds spent inside the model so far. */
  readonly modelSeconds: () => number;
  readonly validate: () => Promise<Confusion>;
  readonly card: (step: number) => ModelCard;
  readonly start: RunProgress;
}

export interface LoopResult {
  readonly progress: RunProgress;
  readonly secondsPerStep: number;
}

/** Steps in a row that may be not finite before the run ends. */
const PATIENCE_FOR_NAN = 3;

/** Trains from `start` to the last step. Rejects with `Stopped`, everything saved, when the talk's signal is aborted. */
export async function trainLoop(parts: LoopParts): Promise<LoopResult> {
  const { plan, talk, folder } = parts;
  let progress = parts.start;
  const bar = talk.progress("training", plan.steps);
  bar.add(progress.step);
  try {
    progress = await validateIfDue(parts, progress); // one that a signal cut short
    while (progress.step < plan.steps && !patienceIsOver(progress, plan.config.patience)) {
      const outcome = await oneStep(parts, progress.step + 1);
      progress = { ...progress, step: progress.step + 1, notFinite: outcome.finite ? 0 : progress.notFinite + 1 };
      bar.add(1, `loss ${outcome.loss.toFixed(4)}`);
      if (progress.notFinite >= PATIENCE_FOR_NAN) await stopForNan(parts, progress, outcome.ids);
      progress = await validateIfDue(parts, progress);
      if (isSaveDue(parts, progress)) await saveLast(parts, progress);
      await talk.breathe();
    }
  } catch (error) {
    if (error instanceof Stopped) await saveLast(parts, progress);
    throw error;
  } finally {
    bar.end();
  }
  await folder.status("running", "trained");
  return { progress, secondsPerStep: median(stepSeconds(folder.metrics)) };
}

const validationsEvery = ({ config, stepsPerEpoch }: RunPlan) => config.validateEvery ?? stepsPerEpoch;

async function validateIfDue(parts: LoopParts, progress: RunProgress): Promise<RunProgress> {
  const { plan } = parts;
  const { step, validated } = progress;
  const isDue = step > validated && (step % validationsEvery(plan) === 0 || step === plan.steps);
  return isDue && plan.validation.length ? validation(parts, progress) : progress;
}

function isSaveDue({ plan }: LoopParts, progress: RunProgress): boolean {
  const every = plan.config.saveEvery ?? validationsEvery(plan);
  return progress.step % every === 0 || progress.step === plan.steps || patienceIsOver(progress, plan.config.patience);
}

const patienceIsOver = (progress: RunProgress, patience: number | undefined) =>
  patience !== undefined && progress.validationsWithoutBest >= patience;

async function oneStep(parts: LoopParts, step: number) {
  const { plan, session, schedule, batches, folder, talk } = parts;
  const { batchSize, accumulate } = plan.config;
  const [began, before] = [performance.now(), parts.modelSeconds()];
  const inputs: (StepInput & { ids: readonly string[] })[] = [];
  for (let pass = 0; pass < accumulate; pass++) inputs.push(await batches((step - 1) * accumulate + pass));
  const rate = schedule(step - 1);
  const { loss, norm, finite } = await session.step(inputs, { step, ...rate });
  const seconds = (performance.now() - began) / 1000;
  const ids = inputs.flatMap((input) => input.ids);
  if (!finite)
    talk.warn(`step ${step}: loss or gradients are not finite; nothing was changed (${ids.slice(0, 4).join(", ")})`);
  const epoch = Math.floor(((step - 1) * batchSize * accumulate) / plan.train.length);
  const row = {
    event: "step",
    step,
    epoch,
    loss: finite ? loss : null,
    norm: finite ? norm : null,
    lr: rate.lr,
  } as const;
  const modelSeconds = parts.modelSeconds() - before;
  record(folder, talk, { ...row, seconds: round(seconds, 4), modelSeconds: round(modelSeconds, 4) });
  return { loss, finite, ids };
}

function record(folder: RunFolder, talk: Talk, row: MetricsRow): void {
  appendMetrics(folder.metrics, row);
  talk.row?.(row);
}

async function stopForNan(parts: LoopParts, progress: RunProgress, ids: readonly string[]): Promise<never> {
  await saveLast(parts, progress);
  throw new SegError(
    parts.folder.path,
    `${PATIENCE_FOR_NAN} steps in a row were not finite (last images: ${ids.slice(0, 4).join(", ")})`,
    "lower --lr, set --clip 1, or look at these images; the weights before are saved",
    EXIT.guard,
  );
}

async function validation(parts: LoopParts, progress: RunProgress): Promise<RunProgress> {
  const scores = scoresOf(await parts.validate());
  const { step } = progress;
  const score = scores.mIoU ?? 0;
  const isBest = progress.best === null || score > progress.best.score;
  const epoch = Math.floor(
    (step * parts.plan.config.batchSize * parts.plan.config.accumulate) / parts.plan.train.length,
  );
  const { mIoU, iou, pixelAccuracy, meanF1 } = scores;
  record(parts.folder, parts.talk, {
    event: "validation",
    step,
    epoch,
    mIoU,
    meanF1,
    pixelAccuracy,
    iou,
    convention: CONVENTION,
  });
  parts.talk.info(
    `step ${step}/${parts.plan.steps}: mIoU ${format(mIoU)}, pixel accuracy ${format(pixelAccuracy)}${isBest ? " (best)" : ""}`,
  );
  if (!isBest) return { ...progress, validated: step, validationsWithoutBest: progress.validationsWithoutBest + 1 };
  const next = { ...progress, validated: step, best: { step, score }, validationsWithoutBest: 0 };
  await saveCheckpoint(parts.folder.path, "best", checkpointOf(parts, next, parts.session.current()));
  return next;
}

const format = (value: number | null) => (value === null ? "-" : value.toFixed(4));

/** Saves everything a resumed run needs. */
export async function saveLast(parts: LoopParts, progress: RunProgress): Promise<void> {
  const { trained, buffers } = parts.session.weights;
  syncMetrics(parts.folder.metrics);
  await saveCheckpoint(parts.folder.path, "last", checkpointOf(parts, progress, new Map([...trained, ...buffers])));
}

function checkpointOf(parts: LoopParts, progress: RunProgress, state: StateDict) {
  return { card: parts.card(progress.step), state, optimizer: parts.session.optimizer, progress };
}

/** Of the whole run, also where it was resumed. */
const stepSeconds = (path: string) =>
  readMetrics(path).flatMap(({ event, seconds }) => (event === "step" && typeof seconds === "number" ? [seconds] : []));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
