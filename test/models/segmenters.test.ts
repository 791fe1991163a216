/**
 * @file ResNet-18 with the UNet and the FPN decoder against segmentation_models.pytorch 0.6.0 in float64 (test/fixtures/models.py): scores in
 * evaluation and training, every gradient, running statistics after two steps.
 * Tolerance: 8 times torch's own float32 error, at most 1e-4 for values and 1e-3 of the largest for gradients.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createEngine, type Engine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import type { TensorData } from "../../src/graph/tensor.js";
import { defineModel, type Model } from "../../src/model.js";
import { assertSummary, type Summary, toleranceOf } from "../support/parameters.js";
import { feedsOf, filled, runOnce, type Traced, withGradients } from "../support/traced.js";

interface Golden {
  readonly out: Summary;
  readonly mutations: Record<string, number>;
  readonly trained: Summary;
  readonly gradients: Record<string, Summary>;
  readonly buffers: Record<string, Summary>;
}
const { smp: goldens }: { smp: Record<string, Golden> } = JSON.parse(
  readFileSync(new URL("../fixtures/models.json", import.meta.url), "utf8"),
);

const SHAPE = [2, 3, 64, 96];
const CLASSES = 3;
const IMAGES = [5, 6].map((seed) => filled(seed, SHAPE, 4));
const COTANGENT = filled(7, [2, CLASSES, 64, 96]);

const models: Record<string, Model> = {
  unet: defineModel({ encoder: "resnet18", decoder: "unet", classes: CLASSES }),
  fpn: defineModel({ encoder: "resnet18", decoder: "fpn", classes: CLASSES, decoderOptions: { dropout: 0 } }),
};

function trace(model: Model, training: boolean): Traced {
  const recording = model.record(training);
  const image = g.input("image", SHAPE);
  return { recording, image, out: model.trace(recording.scope, image) };
}

const limitOf = (golden: Summary) => toleranceOf(golden, 1e-4 * Math.max(1, golden.max));

async function compareEvaluation(engine: Engine, model: Model, golden: Golden): Promise<void> {
  const { recording, out } = trace(model, false);
  const results = await runOnce(engine, { out }, { ...feedsOf(recording), image: IMAGES[0] });
  assertSummary(results.out, golden.out, "out", limitOf(golden.out));
}

async function compareTraining(engine: Engine, model: Model, golden: Golden): Promise<void> {
  const traced = trace(model, true);
  const feeds = { ...feedsOf(traced.recording), image: IMAGES[0], cotangent: COTANGENT };
  const results = await runOnce(engine, withGradients(traced), feeds);
  assertSummary(results.out, golden.trained, "trained", limitOf(golden.trained));
  const names = Object.keys(results).flatMap((key) => (key.startsWith("d/") ? [key.slice(2)] : []));
  assert.deepEqual(names.sort(), Object.keys(golden.gradients).sort());
  for (const [key, gradient] of Object.entries(golden.gradients)) {
    assertSummary(results[`d/${key}`], gradient, key, toleranceOf(gradient, 1e-3 * gradient.max));
  }
}

/** Running statistics after a step on each image, weights unchanged. */
async function compareBuffers(engine: Engine, model: Model, golden: Golden): Promise<void> {
  const { recording } = trace(model, true);
  const renewed = [...recording.updates].map(([name, value]) => [`new/${name}`, value] as const);
  const program = await engine.compile({ outputs: Object.fromEntries(renewed) });
  const feeds: Record<string, TensorData> = feedsOf(recording);
  for (const image of IMAGES) {
    const all: Record<string, TensorData> = { ...feeds, image };
    const results = await program.run(Object.fromEntries(program.feeds.map((name) => [name, all[name]])));
    for (const name of recording.updates.keys()) feeds[name] = results[`new/${name}`];
  }
  await program.dispose();
  assert.deepEqual([...recording.updates.keys()].sort(), Object.keys(golden.buffers).sort());
  for (const [key, buffer] of Object.entries(golden.buffers)) {
    assertSummary(feeds[key], buffer, key, toleranceOf(buffer, 1e-4 * Math.max(1, buffer.max)));
  }
}

describe("resnet18 against SMP", async () => {
  const onnx = await createEngine("onnx", { threads: 1 });
  for (const [name, golden] of Object.entries(goldens)) {
    test(`${name}, evaluation`, () => compareEvaluation(onnx, models[name], golden));
    test(`${name}, training: value and every gradient`, () => compareTraining(onnx, models[name], golden));
    test(`${name}, running statistics after two steps`, () => compareBuffers(onnx, models[name], golden));
    test(`${name}, wrong variants would be noticed`, () => {
      assert.ok(Object.keys(golden.mutations).length > 0);
      for (const [wrong, miss] of Object.entries(golden.mutations)) {
        assert.ok(miss >= 10 * limitOf(golden.out), `${wrong}: ${miss} is no ten times ${limitOf(golden.out)}`);
      }
    });
  }
  test("every fixture has its model", () => assert.deepEqual(Object.keys(models).sort(), Object.keys(goldens).sort()));
});
