/**
 * @file `predict()`: class maps of photos and GeoTIFFs. Every output is whole or absent and says what it was made from.
 */
import { sweepLeftovers } from "./leftovers.js";
import type { OpenModel } from "./open-model.js";
import { outcome, type Prediction, photoQueue } from "./photo-queue.js";
import type { PhotoJob, PhotoPlan } from "./photo-work.js";
import { expandInputs, filesOf, isScene, planOutputs } from "./predict-outputs.js";
import { modelParameters } from "./predict-parameters.js";
import { type Color, readPhoto } from "./raster/index.js";
import type { SceneSource } from "./scene/open.js";
import { settleWindows } from "./scene/options.js";
import type { SceneOptions } from "./scene/plan.js";
import { predictScene } from "./scene/predict.js";
import { summaryLine } from "./scene/summary.js";
import { settlePrecision } from "./settle-precision.js";
import { silent, type Talk } from "./talk.js";

export type { Prediction } from "./photo-queue.js";

/** Options; all but `out` and `force` are about scenes. */
export interface PredictOptions extends Omit<SceneOptions, "source">, Omit<SceneSource, "path"> {
  /** A file for one input, or a folder. */
  readonly out: string;
}

/**
 * Predicts every input; a folder stands for the images in it. An input that fails is reported and the rest goes on.
 * Rejects only for faults of the options.
 */
export async function predict(
  open: OpenModel,
  inputs: readonly string[],
  options: PredictOptions,
  talk: Talk = silent,
): Promise<Prediction[]> {
  const [began, before] = [performance.now(), open.engine.modelSeconds()];
  settleWindows(open.card, options); // faults of the options before any work
  const files = expandInputs(inputs);
  const outputs = planOutputs(files, options.out);
  await sweepLeftovers(outputs.flatMap(filesOf));
  const jobs = files.map((input, i) => ({ input, output: outputs[i] }));
  const photos = jobs.filter(({ input }) => !isScene(input));
  await settlePrecision(open, photos.map(readerOf), talk);
  const queue = photoQueue(await photoPlan(open, options), photos, open.predictor, talk);
  const results: Prediction[] = [];
  try {
    for (const job of jobs) {
      if (isScene(job.input)) {
        results.push(...(await queue.finish())); // what is told of the inputs keeps their order
        results.push(await outcome(job, talk, () => mapScene(open, job, options, talk)));
      } else results.push(...(await queue.next()));
      await talk.breathe();
    }
    results.push(...(await queue.finish()));
  } finally {
    await queue.close();
  }
  tellTimes(results, (performance.now() - began) / 1000, open.engine.modelSeconds() - before, talk);
  return results;
}

const readerOf = ({ input }: PhotoJob) => {
  return () => readPhoto(input);
};

/** How long several outputs took, and the model's share of it. */
function tellTimes(results: readonly Prediction[], seconds: number, modelSeconds: number, talk: Talk): void {
  const written = results.filter(({ state }) => state === "written").length;
  if (written < 2) return;
  const share = `${modelSeconds.toFixed(2)} s (${((100 * modelSeconds) / seconds).toFixed(1)} %) of them inside the model`;
  talk.info(`${written} maps in ${seconds.toFixed(2)} s, ${share}`);
}

async function photoPlan(open: OpenModel, options: PredictOptions): Promise<PhotoPlan> {
  return {
    preprocessing: open.card.preprocessing,
    colors: colorsOf(open),
    parameters: await modelParameters(open),
    force: options.force === true,
  };
}

const colorsOf = ({ card }: OpenModel): Color[] => card.classes.map(({ color }) => [color[0], color[1], color[2]]);

/** Maps a scene and says what its run was. */
async function mapScene(
  open: OpenModel,
  job: PhotoJob,
  { out: _out, ...options }: PredictOptions,
  talk: Talk,
): Promise<"written" | "complete"> {
  const { alpha, cacheBytes, allowPrivateHosts, window, bbox, bboxCrs, aoi, resampleTo } = options;
  const source = { alpha, cacheBytes, allowPrivateHosts, window, bbox, bboxCrs, aoi, resampleTo };
  const { state, summary } = await predictScene(open, job, { ...options, source }, talk);
  if (summary) talk.info(`${job.output}: ${summaryLine(summary)}`);
  return state;
}
