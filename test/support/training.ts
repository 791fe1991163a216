/** @file Short trainings from filled weights and batches, through the session that `seg train` uses; test/fixtures/training.py has the same. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parseTrainConfig, type TrainConfig } from "../../src/config.js";
import { IGNORE } from "../../src/contract.js";
import type { Engine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import type { TensorData } from "../../src/graph/tensor.js";
import { parseLoss } from "../../src/loss-sum.js";
import { defineModel, type Model } from "../../src/model.js";
import { schedule } from "../../src/optim/index.js";
import { planPreprocessing } from "../../src/preprocess.js";
import { loraHook } from "../../src/train/lora.js";
import type { RunPlan, Tune } from "../../src/train/plan.js";
import { createSession, type StepInput } from "../../src/train/session.js";
import { type RunWeights, splitWeights } from "../../src/train/weights.js";
import { fillIntegers } from "./filler.js";
import { parameter } from "./parameters.js";
import { filled } from "./traced.js";

export interface TrainingGolden {
  readonly settings: Partial<TrainConfig> & {
    readonly tune: Tune;
    readonly side: number;
    readonly steps: number;
    readonly images: number;
  };
  readonly losses: number[];
}
export const goldens: Record<string, TrainingGolden> = JSON.parse(
  readFileSync(new URL("../fixtures/training.json", import.meta.url), "utf8"),
);

const CLASSES = ["a", "b", "c", "d"];
const BATCHES = 4;

/** Losses of every step. `cached`: the encoder's maps are computed first, as for a frozen encoder. */
export async function lossesOf(engine: Engine, { settings }: TrainingGolden, cached: boolean): Promise<number[]> {
  const { side, images, ...options } = settings;
  const config = parseTrainConfig({ data: "-", out: "-", ...options });
  const plan = planOf(config, settings.tune, cached);
  const state = new Map([...plan.model.slots()].map(([name, { tensor }]) => [name, parameter(name, tensor.shape)]));
  const weights = splitWeights(plan.model, plan.tune, state);
  const size = { height: side, width: side };
  const session = await createSession({ engine, plan, weights, loss: parseLoss(config.loss), ...size });
  const rate = schedule({ ...config, name: config.schedule, steps: plan.steps, beta1: 0.9 });
  const encode = cached ? await encoderOf(engine, plan.model, weights, config.batchSize, side) : undefined;
  const losses: number[] = [];
  for (let index = 0; index < plan.steps; index++) {
    const input = batchOf(index, config.batchSize, side, images);
    const maps = await encode?.(input.image as TensorData);
    const given = maps ? { labels: input.labels, maps } : input;
    const { loss, finite } = await session.step([given], { step: index + 1, ...rate(index) });
    assert.ok(finite, `step ${index + 1} is finite`);
    losses.push(loss);
  }
  await session.dispose();
  return losses;
}

/** A plan as planRun makes it, of no data. */
function planOf(config: TrainConfig, tune: Tune, cached: boolean): RunPlan {
  const { encoder, decoder, decoderOptions } = config;
  const parts = defineModel({ encoder, decoder, decoderOptions, classes: CLASSES.length });
  const hook = tune === "lora" ? loraHook(parts.encoder.loraTargets, config.loraRank, config.loraAlpha) : undefined;
  const model = defineModel({ ...parts.spec, hook });
  const bands = ["red", "green", "blue"];
  const classes = CLASSES.map((name) => ({ name, color: [0, 0, 0] as const }));
  const dataset = { name: "none", classes, bands, photo: true, splits: ["train"], samples: () => [], warnings: [] };
  return {
    ...{ config, dataset, train: [], validation: [], model, head: "softmax", tune, weights: undefined },
    ...{ preprocessing: planPreprocessing(model.encoder.input, dataset), cached, cropSize: undefined, warnings: [] },
    ...{ steps: config.steps as number, stepsPerEpoch: config.steps as number },
  };
}

/** As `batch` of training.py, images from filler `first` on: labels in blocks of an eighth of the side. */
function batchOf(step: number, B: number, side: number, first: number): StepInput {
  const index = step % BATCHES;
  const coarse = fillIntegers(2100 + index, B * 64, CLASSES.length + 1);
  const block = side / 8;
  const labels = Int32Array.from({ length: B * side * side }, (_, i) => {
    const [b, y, x] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    const label = coarse[b * 64 + Math.floor(y / block) * 8 + Math.floor(x / block)];
    return label === CLASSES.length ? IGNORE : label;
  });
  return { image: filled(first + index, [B, 3, side, side], 4), labels: { data: labels, shape: [B, side, side] } };
}

async function encoderOf(engine: Engine, model: Model, { frozen }: RunWeights, B: number, side: number) {
  const image = g.input("image", [B, 3, side, side]);
  const maps = model.traceEncoder(model.record(false).scope, image);
  const outputs = Object.fromEntries(maps.map((map, i) => [`map/${i}`, map]));
  const program = await engine.compile({ outputs }, { constants: frozen });
  return async (data: TensorData) => {
    const results = await program.run({ image: data });
    return maps.map((_, i) => results[`map/${i}`]);
  };
}

/** Relative: 1e-5 for the first three steps, 1e-3 for the rest, where rounding has grown. */
export function assertFollows(losses: readonly number[], expected: readonly number[]): void {
  assert.equal(losses.length, expected.length);
  losses.forEach((loss, i) => {
    const [off, limit] = [Math.abs(loss - expected[i]) / expected[i], i < 3 ? 1e-5 : 1e-3];
    assert.ok(off <= limit, `step ${i + 1}: loss ${loss}, expected ${expected[i]}: ${off} apart, ${limit} allowed`);
  });
}
