/** @file Every loss keeps the contract: a scalar, 0 with a zero gradient where every pixel is ignored, a gradient where one is not, options as flags. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { datasets, decoders, losses } from "../../src/catalog.js";
import { IGNORE } from "../../src/contract.js";
import { createEngine } from "../../src/engine/index.js";
import * as g from "../../src/graph/index.js";
import { sizeOf, type TensorData } from "../../src/graph/tensor.js";
import { fillIntegers } from "../support/filler.js";
import { filled, runOnce } from "../support/traced.js";

const SHAPE = [2, 5, 3] as const; // B, H, W: odd and not square
const engine = createEngine("onnx", { threads: 1 });

/** Loss and gradient for labels; classWeights as `--class-weights` gives them. */
async function lossOf(name: string, channels: number, labels: Int32Array, classWeights?: readonly number[]) {
  const [B, H, W] = SHAPE;
  const logits = g.input("logits", [B, channels, H, W]);
  const { forward, defaults } = losses.get(name);
  const value = forward({ logits, labels: g.input("labels", SHAPE, "int32"), classWeights }, defaults);
  assert.deepEqual([...value.shape], []);
  const outputs = { value, gradient: g.grad(value, [logits])[0] };
  const feeds: Record<string, TensorData> = {
    logits: filled(7, logits.shape, 8),
    labels: { data: labels, shape: SHAPE },
  };
  const { value: loss, gradient } = await runOnce(await engine, outputs, feeds);
  return { loss: loss.data[0], gradient: gradient.data };
}

for (const name of losses.names()) {
  for (const channels of [1, 3]) {
    const weights = channels === 1 ? [1, 2] : [1, 2, 0.5];
    for (const classWeights of [undefined, weights]) {
      const what = `${name}, ${channels} channel(s)${classWeights ? ", class weights" : ""}`;

      test(`${what}: 0 with a zero gradient where every pixel is ignored`, async () => {
        const { loss, gradient } = await lossOf(
          name,
          channels,
          new Int32Array(sizeOf(SHAPE)).fill(IGNORE),
          classWeights,
        );
        assert.equal(loss, 0);
        assert.ok(
          gradient.every((value) => value === 0),
          `gradient ${gradient}`,
        );
      });

      test(`${what}: positive, and only kept pixels pull`, async () => {
        const labels = fillIntegers(3, sizeOf(SHAPE), channels === 1 ? 2 : 3);
        labels[0] = IGNORE;
        const { loss, gradient } = await lossOf(name, channels, labels, classWeights);
        assert.ok(Number.isFinite(loss) && loss > 0, `loss ${loss}`);
        assert.ok(gradient.every((value) => Number.isFinite(value)) && gradient.some((value) => value !== 0));
        const plane = SHAPE[1] * SHAPE[2];
        for (let c = 0; c < channels; c++) assert.equal(gradient[c * plane], 0, `ignored pixel, channel ${c}`);
      });
    }
  }
}

test("options of every part are values a flag can give", () => {
  const isPlain = (value: unknown) =>
    value === null || ["number", "string", "boolean"].includes(typeof value) || isNumbers(value);
  const isNumbers = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === "number");
  for (const registry of [losses, decoders, datasets]) {
    for (const [name, { defaults, about }] of registry as Iterable<[string, { defaults: object; about: string }]>) {
      assert.ok(about.length > 0, name);
      for (const [option, value] of Object.entries(defaults)) assert.ok(isPlain(value), `${name}.${option}`);
    }
  }
});
