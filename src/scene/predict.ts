/**
 * @file Maps one scene to a class map and, if asked, a map of probabilities: whole or absent, on the scene's own grid, resumed where an earlier run of the same
 * input, model and parameters ended.
 */
import { availableParallelism } from "node:os";
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { SpoolCommit } from "../cog/index.js";
import { sha256, sha256File } from "../files.js";
import { acquireLock } from "../lock.js";
import type { OpenModel } from "../open-model.js";
import { modelParameters } from "../predict-parameters.js";
import { checkPixels } from "../photo-work.js";
import { type Axis, axisWeights, type GeoRaster, isUrl } from "../raster/index.js";
import { Stopped, type Talk } from "../talk.js";
import type { ProbabilityBand } from "./bands.js";
import { writeBeside } from "./beside.js";
import { checkFeatureRoom, featureBytes, windowModel } from "./features.js";
import { identityOf } from "./identity.js";
import { mapWindows } from "./map.js";
import { openScene, type SceneSource } from "./open.js";
import { axesOf, settleWindows, type WindowOptions, type Windows } from "./options.js";
import { classMapOptions, type Origin, probabilitiesOf, probabilityMapOptions } from "./outputs.js";
import { calibrateByScene } from "./precision.js";
import { type ReaderPlan, type Reading, readerOn, sceneReader, type SceneReader } from "./reader.js";
import { type SceneSink, sceneSink, type SinkPlan } from "./sink.js";
import { sceneState } from "./state.js";
import { type SceneSummary, summarise } from "./summary.js";
import { readerThread, sinkThread } from "./threads.js";
import { beginWork, type JournalLine, makeWorkFolder, readWork, type WorkState } from "./work.js";

export interface SceneOptions extends WindowOptions {
  readonly source: Omit<SceneSource, "path">;
  /** Bands of the map of probabilities; none: no such map. */
  readonly bands?: readonly ProbabilityBand[];
  /** A window that fails for good stops the run (default) or becomes no data. */
  readonly onError?: "fail" | "nodata";
  /** Discards what an earlier run left unfinished. */
  readonly restart?: boolean;
  /** Folder of the encoder's maps, for other decoders. */
  readonly cacheFeatures?: string;
  /** Replaces outputs of other inputs or parameters. */
  readonly force?: boolean;
  /** Bytes of strips between rows of windows that are held in memory; beyond it they go through a file. */
  readonly carryInMemory?: number;
}

/** Windows a thread pays for its start with. */
const WORTH_THREADS = 4;

/** What became of a scene. */
export interface SceneResult {
  readonly state: "written" | "complete";
  readonly summary?: SceneSummary;
}

/**
 * Maps the scene `input` to `output`. Rejects with SegError for what the user can mend, with Stopped when `talk` stops it: what is finished by then is kept
 * beside the output, and the same call goes on from there.
 */
export async function predictScene(
  open: OpenModel,
  { input, output }: { readonly input: string; readonly output: string },
  options: SceneOptions,
  talk: Talk,
): Promise<SceneResult> {
  const source = { ...options.source, path: input };
  const scene = await openScene(source, open.card.preprocessing);
  try {
    checkPixels(input, scene.bands, scene.dtype, open.card.preprocessing);
    const plan = planScene(open, scene, source, options);
    const reader = readerOf(plan);
    try {
      await calibrateByScene(open, reader, plan, talk);
      const origin = await originOf(open, plan);
      const job = { open, output, options, plan, origin, reader, talk };
      const maps = plan.bands.length ? [output, probabilitiesOf(output)] : [output];
      const state = await sceneState(input, maps, origin.key, options.force === true);
      if (state !== "absent") return { state };
      return { state: "written", summary: await inWorkFolder(job) };
    } finally {
      await reader.close();
    }
  } finally {
    await scene.close();
  }
}

/** A scene, its windows and what is made of them. */
interface ScenePlan {
  readonly scene: GeoRaster;
  readonly source: SceneSource;
  readonly windows: Windows;
  readonly columns: Axis;
  readonly rows: Axis;
  readonly bands: readonly ProbabilityBand[];
  readonly reading: ReaderPlan;
}

function planScene(open: OpenModel, scene: GeoRaster, source: SceneSource, options: SceneOptions): ScenePlan {
  const windows = settleWindows(open.card, options);
  const axes = axesOf(scene.width, scene.height, windows);
  const { preprocessing } = open.card;
  const reading = { source, preprocessing, ...axes, hashed: options.cacheFeatures !== undefined };
  return { scene, source, windows, ...axes, bands: options.bands ?? [], reading };
}

const isThreaded = ({ columns, rows }: Pick<ScenePlan, "columns" | "rows">): boolean =>
  columns.starts.length * rows.starts.length >= WORTH_THREADS && availableParallelism() > 1;

/** A scene that had to be downloaded whole is not downloaded again for a thread. */
function readerOf(plan: ScenePlan): SceneReader {
  if (plan.scene.traffic?.().downloaded) return readerOn(plan.scene, plan.reading);
  return isThreaded(plan) ? readerThread(plan.reading) : sceneReader(plan.reading);
}

/** What outputs are made from: everything that changes their pixels, and the key it makes. */
async function originOf(open: OpenModel, plan: ScenePlan) {
  const { tile, overlap, margin, blend, align } = plan.windows;
  const model = await modelParameters(open);
  const { path, cacheBytes: _cache, allowPrivateHosts: _hosts, aoi, ...region } = plan.source;
  const input = isUrl(path) ? { remote: plan.scene.identity } : await identityOf(path);
  const area = aoi === undefined ? {} : { aoi: await sha256File(aoi) };
  const parameters = { ...model, tile, overlap, margin, blend, align, bands: plan.bands, ...region, ...area, input };
  const words = `${blend}, tile ${tile}, overlap ${overlap}, margin ${margin}`;
  const key = `sam-seg:${sha256(JSON.stringify(parameters))}`;
  return { parameters, key, model: model.model.digest, blend: words };
}

interface Job {
  readonly open: OpenModel;
  readonly output: string;
  readonly options: SceneOptions;
  readonly plan: ScenePlan;
  readonly origin: Origin & { readonly parameters: Readonly<Record<string, unknown>> };
  readonly reader: SceneReader;
  readonly talk: Talk;
}

/** Does the work under the lock of its folder, which is removed at the end. */
async function inWorkFolder(job: Job): Promise<SceneSummary> {
  const { output, origin, plan, options } = job;
  const folder = await makeWorkFolder(output);
  const release = await acquireLock(folder, { force: options.restart });
  try {
    const parameters = { ...origin.parameters, featuresCached: options.cacheFeatures !== undefined };
    const work = await beginWork(folder, parameters, plan.rows.starts.length, options.restart === true);
    const summary = await runWindows(job, folder, work);
    await rm(folder, { recursive: true, force: true });
    return summary;
  } catch (error) {
    if (error instanceof Stopped) await tellKept(folder, job);
    throw error;
  } finally {
    await release();
  }
}

async function tellKept(folder: string, { output, talk }: Job): Promise<void> {
  const work = await readWork(folder);
  if (!work) return;
  const kept = `${work.lines.length} of ${work.rows} rows of windows are kept in ${folder}`;
  talk.info(`${basename(output)}: ${kept}; the same command goes on from there`);
}

async function runWindows(job: Job, folder: string, work: WorkState): Promise<SceneSummary> {
  const { open, plan, talk, output } = job;
  const { scene, windows, columns, rows } = plan;
  const sinkPlan = sinkPlanOf(job, folder, work.lines);
  const sink = isThreaded(plan) ? sinkThread(sinkPlan) : sceneSink(sinkPlan);
  try {
    const from = firstRow(plan.rows, work.lines.length, await sink.open());
    if (work.lines.length > 0)
      talk.info(`${basename(output)}: going on after ${work.lines.length} of ${work.rows} rows`);
    const began = performance.now();
    const counts = await mapAll(job, sink, from);
    const classMap = await sink.finish(output, plan.bands.length ? probabilitiesOf(output) : undefined);
    const seconds = (performance.now() - began) / 1000;
    const { lines = [] } = (await readWork(folder)) ?? {};
    const { classes } = open.card;
    const made = { input: scene.path, output, windows, columns, rows, classes, lines, classMap, seconds, ...counts };
    const summary = summarise(made);
    await writeBeside({ output, classes, bands: plan.bands, grid: scene.grid, classMap, summary }, talk.warn);
    return summary;
  } finally {
    await sink.close();
  }
}

function sinkPlanOf({ open, plan, origin, options }: Job, folder: string, lines: readonly JournalLine[]): SinkPlan {
  const { scene, columns, rows, bands, windows } = plan;
  const { classes } = open.card;
  const grid = { ...scene.grid, width: scene.width, height: scene.height };
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
export function firstRow({ starts, ends }: Axis, finished: number, openRow: number): number {
  if (finished >= starts.length) return starts.length;
  const writing = Math.min(
    finished,
    starts.findLastIndex((start) => start <= openRow),
  );
  const needed = starts[Math.max(0, writing - 1)];
  return ends.findIndex((end) => end > needed);
}

/** Runs what is left to run; reading and features as they were then. */
async function mapAll({ open, plan, options, reader, talk }: Job, sink: SceneSink, from: number): Promise<Counts> {
  const { columns, rows, scene, windows } = plan;
  const count = columns.starts.length * rows.starts.length;
  if (options.cacheFeatures && from < rows.starts.length)
    await checkFeatureRoom(options.cacheFeatures, count, featureBytes(open, windows.tile), talk.info);
  const model = windowModel(open, options.cacheFeatures, talk.warn);
  const bar = talk.progress(basename(scene.path), count);
  try {
    await mapWindows({
      ...{ path: scene.path, columns, rows, reader, sink, bar, from, model: model.score, ...weightsFor(plan) },
      ...{ onError: options.onError, warn: talk.warn, breathe: talk.breathe },
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
