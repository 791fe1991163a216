/** @file Where a run's batches and scores come from: images, or the cached maps of a frozen encoder. */
import { availableParallelism } from "node:os";
import { batchesAhead } from "../data/ahead.js";
import { batcher, decodeSample } from "../data/batch.js";
import { type Draw, draws } from "../data/order.js";
import { areThreadable, threadedBatcher } from "../data/threaded.js";
import type { Engine } from "../engine/index.js";
import type { TensorData } from "../graph/tensor.js";
import { CALIBRATION_IMAGES, type Int8, int8Line } from "../int8.js";
import { createPredictor, type Predictor } from "../predictor.js";
import { toInput } from "../preprocess.js";
import type { Talk } from "../talk.js";
import type { StateDict } from "../weights/state.js";
import { cachedBatcher, cachedMaps } from "./cached.js";
import { weightsDigest } from "./embeddings.js";
import type { LoopParts } from "./loop.js";
import type { RunPlan } from "./plan.js";
import type { Scorer } from "./validate.js";

export interface RunData {
  /** The run's batches by number, from 0: a pure function of the seed and the number. */
  readonly batches: LoopParts["batches"];
  /** Scores of validation samples by a predictor of the run's model. */
  scorer(predictor: Predictor): Scorer;
  /** What the cached maps left in float32; undefined where they are float32 throughout. */
  readonly int8?: Int8;
  dispose(): Promise<void>;
}

/** Pixels a run must draw before a thread for its batches pays for its start. */
const WORTH_A_THREAD = 2 ** 22;

/** The data of a run. A frozen encoder of fixed input size is run here, over every image and view that the cache lacks. */
export function runData(plan: RunPlan, engine: Engine, frozen: StateDict, talk: Talk, int8?: Int8): Promise<RunData> {
  return plan.cached ? cachedData(plan, engine, frozen, talk, int8) : Promise.resolve(imageData(plan));
}

/** Draws of batch n of a run. */
function drawsOf({ train, config: { seed, batchSize } }: RunPlan): (n: number) => Draw[] {
  return (n) => draws(train.length, seed, n * batchSize, batchSize);
}

function imageData(plan: RunPlan): RunData {
  const { train, preprocessing, config, cropSize } = plan;
  const options = { preprocessing, preset: config.augment, size: cropSize, seed: config.seed };
  const wanted = drawsOf(plan);
  const scorer = (predictor: Predictor) => predictor;
  if (!areThreadable(train) || availableParallelism() < 2 || drawnPixels(plan) < WORTH_A_THREAD) {
    const make = batcher({ samples: train, ...options });
    return { batches: (n) => make(wanted(n)), scorer, dispose: async () => {} };
  }
  const { make, close } = threadedBatcher({ samples: train, ...options });
  const batches = batchesAhead((n) => make(wanted(n)), plan.steps * config.accumulate);
  return { batches, scorer, dispose: close };
}

function drawnPixels({ steps, config, cropSize, preprocessing }: RunPlan): number {
  const side = preprocessing.size ?? cropSize ?? 0;
  return steps * config.accumulate * config.batchSize * side * side;
}

async function cachedData(
  plan: RunPlan,
  engine: Engine,
  frozen: StateDict,
  talk: Talk,
  known?: Int8,
): Promise<RunData> {
  const { model, preprocessing, config, train, validation } = plan;
  const encoder = createPredictor({ engine, model, preprocessing, constants: frozen, int8: known });
  const int8 = await calibrated(plan, encoder);
  if (int8) talk.info(int8Line(int8));
  const computed = [engine.name, config.device, config.precision, ...(int8?.kept ?? [])].join(" ");
  const cache = cachedMaps(plan, encoder, weightsDigest(frozen), computed, talk);
  try {
    await cache.fill(train, config.views);
    await cache.fill(validation, 1);
  } catch (error) {
    await encoder.dispose();
    throw error;
  }
  const [make, wanted] = [cachedBatcher(plan, cache), drawsOf(plan)];
  return {
    batches: (n) => make(wanted(n)),
    scorer: (predictor) => ({
      classes: async (image, sample) => predictor.classesOfMaps(await cache.maps(sample, 0), image),
    }),
    int8,
    dispose: () => encoder.dispose(),
  };
}

/** Lets the first training images decide what int8 leaves in float32. */
async function calibrated({ config, train, preprocessing }: RunPlan, encoder: Predictor): Promise<Int8 | undefined> {
  if (config.precision === "fp32" || encoder.int8()) return encoder.int8();
  const inputs: TensorData[] = [];
  for (const sample of train.slice(0, CALIBRATION_IMAGES))
    inputs.push(toInput((await decodeSample(sample, preprocessing)).image, preprocessing).input);
  return encoder.calibrate(inputs);
}
