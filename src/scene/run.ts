/**
 * @file One run over a scene's windows in its work folder: what an earlier run finished is kept, the rest goes through the model, the outputs are written, the
 * folder is removed.
 */
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { CogSummary, SpoolCommit } from "../cog/index.js";
import { acquireLock } from "../lock.js";
import type { OpenModel } from "../open-model.js";
import { type Axis, axisWeights } from "../raster/index.js";
import { Stopped, type Talk } from "../talk.js";
import { embeddingBytes } from "../train/embeddings.js";
import { writeBeside } from "./beside.js";
import { checkFeatureRoom, windowModel } from "./features.js";
import { mapWindows } from "./map.js";
import { classMapOptions, type Origin, probabilitiesOf, probabilityMapOptions } from "./outputs.js";
import type { SceneOptions, ScenePlan } from "./plan.js";
import type { Reading, SceneReader } from "./reader.js";
import { type SceneSink, sceneSink, type SinkPlan } from "./sink.js";
import { FAILED } from "./state.js";
import { type SceneSummary, summarise } from "./summary.js";
import { sinkThread } from "./threads.js";
import { beginWork, type JournalLine, makeWorkFolder, readWork, removeWork, type WorkState } from "./work.js";

/** Everything a run needs. */
export interface SceneJob {
  readonly open: OpenModel;
  readonly output: string;
  readonly options: SceneOptions;
  readonly plan: ScenePlan;
  readonly origin: Origin & { readonly parameters: Readonly<Record<string, unknown>> };
  readonly reader: SceneReader;
  readonly talk: Talk;
  /** Whether the outputs are there already; asked again under the lock. */
  readonly isDone: () => Promise<boolean>;
}

/** Does the work under the lock of its folder, which is removed at the end; nothing where another run finished meanwhile. */
export async function runScene(job: SceneJob): Promise<SceneSummary | undefined> {
  const { output, origin, plan, options } = job;
  const folder = await makeWorkFolder(output);
  const release = await acquireLock(folder, { force: options.force });
  let isHeld = true;
  try {
    const isDone = await job.isDone();
    const parameters = { ...origin.parameters, featuresCached: options.cacheFeatures !== undefined };
    const how = { restart: options.restart === true, keepFailed: options.onError === "nodata" };
    const summary = isDone
      ? undefined
      : await runWindows(job, folder, await beginWork(folder, parameters, plan.rows.starts.length, how));
    await removeWork(folder);
    isHeld = false; // the lock went with the folder; one of that name may be another run's by now
    return summary;
  } catch (error) {
    if (error instanceof Stopped) await tellKept(folder, job);
    throw error;
  } finally {
    if (isHeld) await release();
  }
}

async function tellKept(folder: string, { output, talk }: SceneJob): Promise<void> {
  const work = await readWork(folder);
  if (!work) return;
  const kept = `${work.lines.length} of ${work.rows} rows of windows are kept in ${folder}`;
  talk.info(`${basename(output)}: ${kept}; the same command goes on from there`);
}

async function runWindows(job: SceneJob, folder: string, work: WorkState): Promise<SceneSummary> {
  const { open, plan, talk, output } = job;
  const { scene, windows, columns, rows } = plan;
  const sinkPlan = sinkPlanOf(job, folder, work.lines);
  const sink = plan.inThreads ? sinkThread(sinkPlan) : sceneSink(sinkPlan);
  try {
    const from = firstRow(plan.rows, work.lines.length, await sink.open());
    if (work.lines.length > 0)
      talk.info(`${basename(output)}: going on after ${work.lines.length} of ${work.rows} rows`);
    const began = performance.now();
    const counts = await mapAll(job, sink, from, work.lines);
    const { lines = [] } = (await readWork(folder)) ?? {};
    const classMap = await finish(job, sink, lines);
    const seconds = (performance.now() - began) / 1000;
    const { classes } = open.card;
    const made = { input: scene.path, output, windows, columns, rows, classes, lines, classMap, seconds, ...counts };
    const summary = summarise(made);
    await writeBeside({ output, classes, bands: plan.bands, grid: scene.grid, classMap, summary }, talk.warn);
    return summary;
  } finally {
    await sink.close();
  }
}

/** Writes the maps; what an earlier run left as map of probabilities goes first. */
async function finish({ output, plan }: SceneJob, sink: SceneSink, lines: readonly JournalLine[]): Promise<CogSummary> {
  const probabilities = probabilitiesOf(output);
  if (!plan.bands.length) await rm(probabilities, { force: true }); // sceneState asked whether it may be replaced
  const failed = lines.reduce((sum, line) => sum + line.failed.length, 0);
  const items = failed ? { [FAILED]: String(failed) } : undefined;
  return sink.finish(output, plan.bands.length ? probabilities : undefined, items);
}

function sinkPlanOf(
  { open, plan, origin, options }: SceneJob,
  folder: string,
  lines: readonly JournalLine[],
): SinkPlan {
  const { scene, columns, rows, bands, windows } = plan;
  const { classes } = open.card;
  const { grid } = scene;
  const commits = [0, 1].map((i) => lines.flatMap(({ spools }): SpoolCommit[] => (spools[i] ? [spools[i]] : [])));
  return {
    ...{ folder, columns, rows, bands, commits, classes: classes.length },
    ...{ blend: windows.blend, margin: windows.margin, classMap: classMapOptions(grid, classes, origin) },
    ...(bands.length && { probabilityMap: probabilityMapOptions(grid, classes, bands, origin) }),
    ...(options.carryInMemory !== undefined && { carryInMemory: options.carryInMemory }),
  };
}

/**
 * The first row of windows to run again: rows of pixels from `openRow` on are not safe, the change into the row before is part of the seam score, and all windows
 * that reach into those rows count.
 */
function firstRow({ starts, ends }: Axis, finished: number, openRow: number): number {
  if (finished >= starts.length) return starts.length;
  const writing = Math.min(
    finished,
    starts.findLastIndex((start) => start <= openRow),
  );
  const needed = starts[Math.max(0, writing - 1)];
  return ends.findIndex((end) => end > needed);
}

/** Runs what is left to run; reading and features as they were then. */
async function mapAll(
  { open, plan, options, reader, talk }: SceneJob,
  sink: SceneSink,
  from: number,
  lines: readonly JournalLine[],
): Promise<Counts> {
  const { columns, rows, scene, windows } = plan;
  const count = columns.starts.length * rows.starts.length;
  if (options.cacheFeatures && from < rows.starts.length)
    await checkFeatureRoom(options.cacheFeatures, count, embeddingBytes(open.model, windows.tile), talk);
  const model = windowModel(open, options.cacheFeatures, talk.warn);
  const bar = talk.progress(basename(scene.path), count);
  try {
    await mapWindows({
      ...{ path: scene.path, columns, rows, reader, sink, bar, from, model: model.score, ...weightsFor(plan) },
      ...{ onError: options.onError, warn: talk.warn, breathe: talk.breathe },
      marked: new Map(lines.map(({ row, failed }) => [row, failed])),
    });
  } finally {
    bar.end();
  }
  return { features: model.features, reading: await reader.reading() };
}

/** The model weighs its own probabilities, but for the squares that disagreement is made of. */
function weightsFor({ bands, columns, rows, windows: { blend, margin } }: ScenePlan) {
  if (bands.includes("disagreement")) return {};
  return { weights: { columns: axisWeights(columns, blend, margin), rows: axisWeights(rows, blend, margin) } };
}

interface Counts {
  readonly features: { readonly found: number; readonly computed: number };
  readonly reading: Reading;
}
