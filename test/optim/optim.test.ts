/**
 * @file 20 steps of every optimizer against torch 2.13 in float64 (test/fixtures/optim.py), through the update that training runs: schedules,
 * beta1 that cycles, clipping, averaged weights. Weights to 1e-6, learning rates and beta1 to 1e-12 of their largest.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { sizeOf, type TensorData } from "../../src/graph/tensor.js";
import { clipFactor, optimizers, schedule } from "../../src/optim/index.js";
import type { ScheduleOptions } from "../../src/optim/schedules.js";
import { normOf } from "../../src/train/step.js";
import { compileUpdater, type Updater } from "../../src/train/update.js";
import type { StateDict } from "../../src/weights/state.js";
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

function scheduleOf({ schedule: name, lr, warmup, optimizer, momentum }: Settings) {
  return schedule({ name, lr, warmup, steps, beta1: optimizer === "sgd" ? momentum : 0.9 });
}

/** Weights, zero slots and averages that start at the weights. */
function startOf({ optimizer, ema }: Settings): StateDict {
  const state: StateDict = new Map();
  [...shapes].forEach(([name, shape], i) => {
    const value = () => ({ data: fill(700 + i, sizeOf(shape)), shape });
    state.set(name, value());
    if (ema > 0) state.set(`ema/${name}`, value());
    for (const slot of optimizers[optimizer].slots)
      state.set(`slot/${slot}/${name}`, { data: new Float32Array(sizeOf(shape)), shape });
  });
  return state;
}

function gradientsOf(step: number): Record<string, TensorData> {
  const made = [...shapes].map(([name, shape], i): [string, TensorData] => [
    `grad/${name}`,
    { data: fill(1000 + 10 * step + i, sizeOf(shape), 1), shape },
  ]);
  return Object.fromEntries(made);
}

/** A step as the session makes it: norm, clipping, update in place. */
function run(
  update: Updater,
  state: StateDict,
  gradients: Record<string, TensorData>,
  clip: number,
  scalars: Record<string, number>,
) {
  const norm = normOf(gradients);
  const factor = clip > 0 ? clipFactor(norm, clip) : 1;
  const trained = new Map([...shapes.keys()].map((name) => [name, state.get(name) as TensorData]));
  const finite = Number.isFinite(norm) && update({ gradients, trained, state, factor, scalars });
  return { norm, finite };
}

function assertWeights(actual: StateDict, expected: Record<string, number[]>, prefix: string): void {
  for (const [name, values] of Object.entries(expected)) {
    assertClose(actual.get(prefix + name)!.data, values, 1e-6 * Math.max(1, largest(values)), prefix + name);
  }
}

function compare({ settings, norms, after, ema }: Golden, piece?: number): void {
  const optimizer = optimizers[settings.optimizer];
  const rate = scheduleOf(settings);
  const updater = compileUpdater({ optimizer, ema: settings.ema }, piece);
  const state = startOf(settings);
  for (let step = 1; step <= steps; step++) {
    const scalars = optimizer.values({ step, ...rate(step - 1), weightDecay: settings.weightDecay });
    const { norm, finite } = run(updater, state, gradientsOf(step), settings.clip, scalars);
    assert.ok(finite);
    assertClose([norm], [norms[step - 1]], 1e-6 * norms[step - 1], `norm of step ${step}`);
    if (after[step]) assertWeights(state, after[step], "");
  }
  if (ema) assertWeights(state, ema, "ema/");
}

describe("optimizers", () => {
  for (const [title, golden] of Object.entries(cases)) test(title, () => compare(golden));
});

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

test("an update in many pieces is the same", () => {
  for (const golden of Object.values(cases)) compare(golden, 4);
});

describe("a step that is not finite changes nothing", () => {
  const { settings } = cases["adamw, cosine with warm-up, clipped, averaged"];
  const optimizer = optimizers[settings.optimizer];
  const poisons = [
    { what: "NaN", poison: Number.NaN, lr: 0.1 },
    { what: "infinity", poison: Number.POSITIVE_INFINITY, lr: 0.1 },
    { what: "a square that overflows", poison: 3e38, lr: 0.1 },
    { what: "a weight that overflows", poison: 1, lr: 3e38 },
  ];
  for (const { what, poison, lr } of poisons) {
    for (const piece of [4, undefined]) {
      test(`${what}, ${piece ? "many pieces" : "one piece"}`, () => {
        const updater = compileUpdater({ optimizer, ema: settings.ema }, piece);
        const [state, before] = [startOf(settings), startOf(settings)];
        const gradients = gradientsOf(1);
        gradients["grad/b"].data[2] = poison;
        const scalars = optimizer.values({ step: 1, lr, beta1: 0.9, weightDecay: 0.1 });
        assert.equal(run(updater, state, gradients, 0, scalars).finite, false);
        for (const [name, { data }] of before) assert.deepEqual(state.get(name)!.data, data, name);
      });
    }
  }
});
