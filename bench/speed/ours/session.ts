/** @file The trainer's own session (src/train/session.ts) on a plan of no data, with batches from a seed. */
import { parseTrainConfig, type TrainOptions } from "../../../src/config.js";
import type { ClassInfo } from "../../../src/contract.js";
import type { Engine } from "../../../src/engine/index.js";
import { sizeOf } from "../../../src/graph/tensor.js";
import { parseLoss } from "../../../src/loss-sum.js";
import { countParameters, defineModel } from "../../../src/model.js";
import { planPreprocessing } from "../../../src/preprocess.js";
import { generator } from "../../../src/random.js";
import { initialise } from "../../../src/scope.js";
import { loraHook } from "../../../src/train/lora.js";
import type { RunPlan, Tune } from "../../../src/train/plan.js";
import { createSession, type Session, type StepInput } from "../../../src/train/session.js";
import { isFrozen, splitWeights } from "../../../src/train/weights.js";
import { noise } from "./plans.js";

/** What a step is of. */
export interface Work {
  readonly encoder: string;
  readonly decoder: string;
  readonly tune: Tune;
  /** Side of the input image. */
  readonly size: number;
  readonly batchSize: number;
  readonly classes: number;
}

export interface Prepared {
  readonly plan: RunPlan;
  readonly session: Session;
  readonly input: StepInput;
  readonly parameters: number;
}

/** A session with seeded random weights, and one batch: cached maps where the encoder is frozen, else images. */
export async function prepare(engine: Engine, work: Work): Promise<Prepared> {
  const plan = planOf(work);
  const { model, tune, config } = plan;
  const weights = splitWeights(model, tune, initialise(model.slots(), 0));
  const sides = { height: work.size, width: work.size };
  const session = await createSession({ engine, plan, weights, loss: parseLoss(config.loss), ...sides });
  const parameters = countParameters(model.slots(), (name) => !isFrozen(name, tune));
  return { plan, session, input: batchOf(plan, work), parameters };
}

/** A plan as planRun makes it, of no data: the defaults of `seg train` (cross entropy, AdamW). */
export function planOf({ encoder, decoder, tune, size, batchSize, classes: count }: Work): RunPlan {
  const options: TrainOptions = { data: "-", out: "-", encoder, decoder, tune, batchSize };
  const config = parseTrainConfig(options);
  const classes: ClassInfo[] = Array.from({ length: count }, (_, i) => ({ name: `class ${i}`, color: [i, i, i] }));
  const bands = ["red", "green", "blue"];
  const dataset = { name: "none", classes, bands, photo: true, splits: ["train"], samples: () => [], warnings: [] };
  const parts = { encoder, decoder, classes: count };
  const { loraTargets, input } = defineModel(parts).encoder;
  const hook = tune === "lora" ? loraHook(loraTargets, config.loraRank, config.loraAlpha) : undefined;
  return {
    ...{ config, dataset, tune, train: [], validation: [], weights: undefined, warnings: [], head: "softmax" },
    ...{ model: defineModel({ ...parts, hook }), preprocessing: planPreprocessing(input, dataset) },
    ...{ cached: tune === "frozen", cropSize: tune === "frozen" ? undefined : size, steps: 1, stepsPerEpoch: 1 },
  };
}

function batchOf({ model, cached }: RunPlan, { size, batchSize, classes }: Work): StepInput {
  const random = generator(1, "batch");
  const shape = [batchSize, size, size];
  const labels = { data: Int32Array.from({ length: sizeOf(shape) }, () => random.integer(classes)), shape };
  if (!cached) return { image: noise([batchSize, model.bands, size, size], "image"), labels };
  return { maps: model.cachedShapes(size, size).map((map, i) => noise([batchSize, ...map], `map${i}`)), labels };
}
