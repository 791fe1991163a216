/**
 * @file Maps one scene to a class map and, if asked, a map of probabilities: whole or absent, on the scene's own grid, resumed where an earlier run of the same
 * input, model and parameters ended.
 */
import { existsSync } from "node:fs";
import { sha256, sha256File } from "../files.js";
import type { OpenModel } from "../open-model.js";
import { checkPixels } from "../photo-work.js";
import { modelParameters } from "../predict-parameters.js";
import { isUrl } from "../raster/index.js";
import type { Talk } from "../talk.js";
import { identityOf } from "./identity.js";
import { openScene } from "./open.js";
import { probabilitiesOf } from "./outputs.js";
import { planScene, type SceneOptions, type ScenePlan } from "./plan.js";
import { calibrateByScene } from "./precision.js";
import { readerOn, sceneReader, type SceneReader } from "./reader.js";
import { runScene } from "./run.js";
import { sceneState } from "./state.js";
import type { SceneSummary } from "./summary.js";
import { readerThread } from "./threads.js";

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
      const isDone = async () => (await sceneState(input, mapsOf(output, plan), origin.key, options)) === "complete";
      if (await isDone()) return { state: "complete" };
      const summary = await runScene({ open, output, options, plan, origin, reader, talk, isDone });
      return summary ? { state: "written", summary } : { state: "complete" };
    } finally {
      await reader.close();
    }
  } finally {
    await scene.close();
  }
}

/** The maps that are asked for, and a map of probabilities of an earlier run, which must not stay beside another one's classes. */
function mapsOf(output: string, { bands }: ScenePlan): string[] {
  const probabilities = probabilitiesOf(output);
  return bands.length || existsSync(probabilities) ? [output, probabilities] : [output];
}

/** A scene that had to be downloaded whole is not downloaded again for a thread. */
function readerOf(plan: ScenePlan): SceneReader {
  if (plan.scene.traffic?.().downloaded) return readerOn(plan.scene, plan.reading);
  return plan.inThreads ? readerThread(plan.reading) : sceneReader(plan.reading);
}

/** What outputs are made from: everything that changes their pixels, and the key it makes. */
async function originOf(open: OpenModel, plan: ScenePlan) {
  const { tile, overlap, margin, blend, align } = plan.windows;
  const model = await modelParameters(open);
  const { path, cacheBytes: _cache, allowPrivateHosts: _hosts, aoi, ...region } = plan.source;
  const input = isUrl(path) ? { remote: plan.scene.identity } : await identityOf(path);
  const sidecars = await Promise.all(plan.scene.sidecars.map(identityOf));
  const area = aoi === undefined ? {} : { aoi: await sha256File(aoi) };
  const parameters = {
    ...model,
    tile,
    overlap,
    margin,
    blend,
    align,
    bands: plan.bands,
    ...region,
    ...area,
    input,
    ...(sidecars.length > 0 && { sidecars }),
  };
  const words = `${blend}, tile ${tile}, overlap ${overlap}, margin ${margin}`;
  const key = `sam-seg:${sha256(JSON.stringify(parameters))}`;
  return { parameters, key, model: model.model.digest, blend: words };
}
