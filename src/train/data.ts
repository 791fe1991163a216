/** @file Where a run's batches and scores come from: images, or the cached maps of a frozen encoder. */
import { batcher } from "../data/batch.js";
import type { Engine } from "../engine/index.js";
import { createPredictor, type Predictor } from "../predictor.js";
import type { Talk } from "../talk.js";
import type { StateDict } from "../weights/state.js";
import { cachedBatcher, cachedMaps } from "./cached.js";
import { weightsDigest } from "./embeddings.js";
import type { LoopParts } from "./loop.js";
import type { RunPlan } from "./plan.js";
import type { Scorer } from "./validate.js";

export interface RunData {
  readonly makeBatch: LoopParts["makeBatch"];
  /** Scores of validation samples by a predictor of the run's model. */
  scorer(predictor: Predictor): Scorer;
  dispose(): Promise<void>;
}

/** The data of a run. A frozen encoder of fixed input size is run here, over every image and view that the cache lacks. */
export function runData(plan: RunPlan, engine: Engine, frozen: StateDict, talk: Talk): Promise<RunData> {
  return plan.cached ? cachedData(plan, engine, frozen, talk) : Promise.resolve(imageData(plan));
}

function imageData({ train, preprocessing, config, cropSize }: RunPlan): RunData {
  const { augment: preset, seed } = config;
  const makeBatch = batcher({ samples: train, preprocessing, preset, size: cropSize, seed });
  return { makeBatch, scorer: (predictor) => predictor, dispose: async () => {} };
}

async function cachedData(plan: RunPlan, engine: Engine, frozen: StateDict, talk: Talk): Promise<RunData> {
  const { model, preprocessing, config, train, validation } = plan;
  const encoder = createPredictor({ engine, model, preprocessing, constants: frozen });
  const computed = `${engine.name} ${config.device} ${config.precision}`;
  const cache = cachedMaps(plan, encoder, weightsDigest(frozen), computed, talk);
  try {
    await cache.fill(train, config.views);
    await cache.fill(validation, 1);
  } catch (error) {
    await encoder.dispose();
    throw error;
  }
  return {
    makeBatch: cachedBatcher(plan, cache),
    scorer: (predictor) => ({
      scores: async (image, sample) => predictor.scoresOfMaps(await cache.maps(sample, 0), image),
    }),
    dispose: () => encoder.dispose(),
  };
}
