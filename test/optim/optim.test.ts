/**
 * @file 20 steps of every optimizer against torch 2.13 in float64 (test/fixtures/optim.py), through the program that training runs: schedules,
 * beta1 that cycles, clipping, averaged weights. Weights to 1e-6, learning rates and beta1 to 1e-12 of their largest.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createEngine, type Engine, type Program } from "../../src/engine/index.js";
import { sizeOf, type TensorData } from "../../src/graph/tensor.js";
import { optimizers, schedule } from "../../src/optim/index.js";
import type { ScheduleOptions } from "../../src/optim/schedules.js";
import { compileApply } from "../../src/train/step.js";
import { assertClose, largest } from "../support/close.js";
import { fill } from "../support/filler.js";

interface Settings {
  readonly optimizer: keyof typeof optimizers;
  readonly schedule: ScheduleOptions["name"];
  readonly lr: number;
  readonly weightDecay: number;
  readonly momentum: number;
  readonly warmup: number;
  readonly clip: number;
  readonly ema: number;
}
interface Golden {
  readonly settings: Settings;
  readonly rates: number[];
  readonly betas: number[];
  readonly norms: number[];
  /** Weights after a step, by step and name. */
  readonly after: Record<string, Record<string, number[]>>;
  readonly ema?: Record<string, number[]>;
}
const fixture: { steps: number; shapes: Record<string, number[]>; cases: Record<string, Golden> } = JSON.parse(
  readFileSync(new URL("../fixtures/optim.json", import.meta.url), "utf8"),
);
const { steps, cases } = fixture;
const shapes = new Map(Object.entries(fixture.shapes));
const scalar = (value: number): TensorData => ({ data: Float32Array.of(value), shape: [] });

function scheduleOf({ schedule: name, lr, warmup, optimizer, momentum }: Settings) {
  return schedule({ name, lr, warmup, steps, beta1: optimizer === "sgd" ? momentum : 0.9 });
}

/** Weights, zero slots and averages that start at the weights, named as the program wants them. */
function startOf({ optimizer, ema }: Settings): Record<string, TensorData> {
  const feeds: Record<string, TensorData> = { scale: scalar(1) };
  [...shapes].forEach(([name, shape], i) => {
    feeds[name] = { data: fill(700 + i, sizeOf(shape)), shape };
    if (ema > 0) feeds[`ema/${name}`] = feeds[name];
    for (const slot of optimizers[optimizer].slots)
      feeds[`slot/${slot}/${name}`] = { data: new Float32Array(sizeOf(shape)), shape };
  });
  return feeds;
}

function gradientsOf(step: number): Record<string, TensorData> {
  const made = [...shapes].map(([name, shape], i): [string, TensorData] => [
    `grad/${name}`,
    { data: fill(1000 + 10 * step + i, sizeOf(shape), 1), shape },
  ]);
  return Object.fromEntries(made);
}

const run = (program: Program, all: Record<string, TensorData>) =>
  program.run(Object.fromEntries(program.feeds.map((name) => [name, all[name]])));

function assertWeights(actual: Record<string, TensorData>, expected: Record<string, number[]>, prefix: string): void {
  for (const [name, values] of Object.entries(expected)) {
    assertClose(actual[prefix + name].data, values, 1e-6 * Math.max(1, largest(values)), prefix + name);
  }
}

async function compare(engine: Engine, { settings, norms, after, ema }: Golden): Promise<void> {
  const optimizer = optimizers[settings.optimizer];
  const rate = scheduleOf(settings);
  const program = await compileApply(engine, { shapes, optimizer, clip: settings.clip, ema: settings.ema });
  const state = startOf(settings);
  for (let step = 1; step <= steps; step++) {
    const values = optimizer.values({ step, ...rate(step - 1), weightDecay: settings.weightDecay });
    const scalars = Object.entries(values).map(([name, value]) => [`scalar/${name}`, scalar(value)] as const);
    const results = await run(program, { ...state, ...gradientsOf(step), ...Object.fromEntries(scalars) });
    for (const [name, value] of Object.entries(results)) {
      if (name.startsWith("next/")) state[name.slice("next/".length)] = value;
    }
    assert.equal(results.finite.data[0], 1);
    assertClose(results.norm.data, [norms[step - 1]], 1e-6 * norms[step - 1], `norm of step ${step}`);
    if (after[step]) assertWeights(state, after[step], "");
  }
  if (ema) assertWeights(state, ema, "ema/");
  await program.dispose();
}

for (const name of ["onnx", "tfjs"] as const) {
  describe(`optimizers on ${name}`, async () => {
    const engine = await createEngine(name, { threads: 1 });
    for (const [title, golden] of Object.entries(cases)) test(title, () => compare(engine, golden));
  });
}

describe("schedules", () => {
  for (const [title, { settings, rates, betas }] of Object.entries(cases)) {
    test(title, () => {
      const rate = scheduleOf(settings);
      const ours = Array.from({ length: steps }, (_, i) => rate(i));
      assertClose(
        ours.map(({ lr }) => lr),
        rates,
        1e-12 * settings.lr,
        "lr",
      );
      assertClose(
        ours.map(({ beta1 }) => beta1),
        betas,
        1e-12,
        "beta1",
      );
    });
  }
  test("one-cycle cycles beta1, also for AdamW", () => {
    const { betas } = cases["adamw, one-cycle"];
    assert.ok(Math.max(...betas) === 0.95 && Math.abs(Math.min(...betas) - 0.85) < 1e-12);
  });
});

test("a gradient that is not finite changes nothing", async () => {
  const { settings } = cases["adamw, cosine with warm-up, clipped, averaged"];
  const engine = await createEngine("onnx", { threads: 1 });
  const optimizer = optimizers[settings.optimizer];
  const program = await compileApply(engine, { shapes, optimizer, clip: settings.clip, ema: settings.ema });
  for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
    const state = startOf(settings);
    const gradients = gradientsOf(1);
    gradients["grad/b"].data[2] = poison; // 3e38 squared is infinite: the norm tells
    const values = optimizer.values({ step: 1, lr: 0.1, beta1: 0.9, weightDecay: 0.1 });
    const scalars = Object.entries(values).map(([name, value]) => [`scalar/${name}`, scalar(value)] as const);
    const results = await run(program, { ...state, ...gradients, ...Object.fromEntries(scalars) });
    assert.equal(results.finite.data[0], 0);
    for (const name of Object.keys(results).filter((key) => key.startsWith("next/"))) {
      assert.deepEqual([...results[name].data], [...state[name.slice("next/".length)].data], name);
    }
  }
  await program.dispose();
});
