/**
 * @file SAM's encoder and its layers on both engines against segment-anything 1.0 in float64 (test/fixtures/models.py).
 * Tolerance: 8 times torch's own float32 error, at most 1e-4 for values and 1e-3 of the largest for gradients.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { encoders } from "../../src/catalog.js";
import type { Scope } from "../../src/contract.js";
import { createEngine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import type { Tensor } from "../../src/graph/tensor.js";
import { layerNorm, layerNorm2d, mlp, windowAttention } from "../../src/nn/index.js";
import { recordScope } from "../../src/scope.js";
import { assertSummary, type Summary, toleranceOf } from "../support/parameters.js";
import { feedsOf, filled, runOnce, type Traced, withGradients } from "../support/traced.js";

interface Golden {
  readonly input: number[];
  readonly scale: number;
  readonly out: Summary;
  readonly mutations: Record<string, number>;
  readonly gradients: Record<string, Summary>;
}
interface Goldens {
  readonly "sam-vit-test": Golden;
  readonly layers: Record<string, Golden>;
}
const goldens: Goldens = JSON.parse(readFileSync(new URL("../fixtures/models.json", import.meta.url), "utf8"));

const LAYERS: Record<string, (s: Scope, x: Tensor) => Tensor> = {
  mlp: (s, x) => mlp(s, x, 32),
  "layer norm": (s, x) => layerNorm(s, x, 1e-6),
  "layer norm 2d": (s, x) => layerNorm2d(s, x),
  attention: (s, x) => windowAttention(s, x, { heads: 2, window: 0, table: 5 }),
  "attention, longer tables": (s, x) => windowAttention(s, x, { heads: 2, window: 0, table: 4 }),
  "attention, not square": (s, x) => windowAttention(s, x, { heads: 2, window: 0, table: 4 }),
  "window attention": (s, x) => windowAttention(s.at("attn"), x, { heads: 2, window: 3, table: 3 }),
};

function trace(shape: readonly number[], build: (s: Scope, x: Tensor) => Tensor): Traced {
  const recording = recordScope({ training: true });
  const image = g.input("image", shape);
  return { recording, image, out: build(recording.scope, image) };
}

const encode = (s: Scope, x: Tensor) => encoders.get("sam-vit-test").forward(s, x, { bands: 3 }).at(-1) as Tensor;

for (const name of ["onnx", "tfjs"] as const) {
  describe(`SAM on ${name}`, async () => {
    const engine = await createEngine(name, { threads: 1 });
    async function compare(
      traced: Traced,
      golden: Golden,
      image: number,
      cotangent: number,
      scale: number,
    ): Promise<void> {
      const feeds = {
        ...feedsOf(traced.recording),
        image: filled(image, traced.image.shape, scale),
        cotangent: filled(cotangent, traced.out.shape),
      };
      const results = await runOnce(engine, withGradients(traced), feeds);
      const limit = toleranceOf(golden.out, 1e-4);
      assertSummary(results.out, golden.out, "out", limit);
      for (const [wrong, miss] of Object.entries(golden.mutations))
        assert.ok(miss >= 10 * limit, `${wrong} would pass`);
      const names = Object.keys(results).flatMap((key) => (key.startsWith("d/") ? [key.slice(2)] : []));
      assert.deepEqual(names.sort(), Object.keys(golden.gradients).sort());
      for (const [key, gradient] of Object.entries(golden.gradients)) {
        assertSummary(results[`d/${key}`], gradient, key, toleranceOf(gradient, 1e-3 * gradient.max));
      }
    }
    for (const [layer, golden] of Object.entries(goldens.layers)) {
      test(layer, () => compare(trace(golden.input, LAYERS[layer]), golden, 3, 4, golden.scale));
    }
    test("encoder, value and every gradient", () =>
      compare(trace([1, 3, 256, 256], encode), goldens["sam-vit-test"], 1, 2, 4));
  });
}
