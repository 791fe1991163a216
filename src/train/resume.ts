/** @file Where a run goes on from: the newest whole checkpoint, refused where the data have changed since. */
import { isDeepStrictEqual } from "node:util";
import { SegError } from "../errors.js";
import type { ModelCard } from "../run/card.js";
import { type Checkpoint, loadLatest, START, sweepCheckpoints } from "../run/checkpoint.js";
import type { RunFolder } from "../run/folder.js";
import { cutMetrics } from "../run/metrics-log.js";
import type { Talk } from "../talk.js";
import type { RunPlan } from "./plan.js";
import { cardOf } from "./weights.js";

/** The checkpoint to go on from with `--resume`, undefined for a run that starts; what a kill left behind is tidied up. */
export async function resumePoint(folder: RunFolder, plan: RunPlan, talk: Talk): Promise<Checkpoint | undefined> {
  const { path, metrics } = folder;
  await sweepCheckpoints(path);
  const checkpoint = plan.config.resume ? await loadLatest(path, talk.warn) : undefined;
  if (checkpoint) refuseOther(path, checkpoint.card, cardOf(plan, 0));
  if (checkpoint) talk.info(`resumed at step ${checkpoint.progress.step}`);
  else if (plan.config.resume) talk.info(`${path} holds no run yet: starting`);
  await cutMetrics(metrics, checkpoint?.progress ?? START);
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
