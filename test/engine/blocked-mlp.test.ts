/**
 * @file A transformer's perceptron with frozen weights runs as two convolutions in blocks and computes what plain ONNX computes; it is left as it is
 * where weights are fed, rows are few, or somebody reads what is between.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { onnxEngine } from "../../src/engine/onnx/index.js";
import { lower } from "../../src/engine/onnx/lower.js";
import * as g from "../../src/graph/functions.js";
import { BLOCKED_DOMAIN } from "../../src/graph/ops/blocked.js";
import type { Tensor, TensorData } from "../../src/graph/tensor.js";
import { filled } from "../support/traced.js";

const [WIDTH, HIDDEN] = [32, 64];
const constants = new Map<string, TensorData>([
  ["w1", filled(11, [HIDDEN, WIDTH], 0.3)],
  ["b1", filled(12, [HIDDEN], 1)],
  ["w2", filled(13, [WIDTH, HIDDEN], 0.3)],
  ["b2", filled(14, [WIDTH], 1)],
]);
const weight = (name: string) => g.param(name, constants.get(name)?.shape ?? []);
const linear = (x: Tensor, i: number) => g.add(g.matmul(x, g.transpose(weight(`w${i}`), [1, 0])), weight(`b${i}`));

/** x + mlp(x) of maps of this side, and what is between. */
function blockOf(side: number, batch = 1) {
  const x = g.input("x", [batch, side, side, WIDTH]);
  const normed = g.layerNorm(x, g.constant(filled(1, [WIDTH], 1)), g.constant(filled(2, [WIDTH], 1)), 1e-6);
  const hidden = g.gelu(linear(normed, 1));
  return { x, hidden, sum: g.add(x, linear(hidden, 2)), turned: g.add(linear(hidden, 2), x) };
}

const inBlocks = (outputs: Record<string, Tensor>, frozen = constants, block = 16) =>
  lower({ outputs }, { block, constants: frozen }).emitted.filter(
    ({ type, domain }) => type === "Conv" && domain === BLOCKED_DOMAIN,
  ).length;

for (const [what, side, batch] of [
  ["one image", 64, 1],
  ["a batch", 48, 3],
] as const)
  test(`a perceptron in blocks is the plain one: ${what}`, async () => {
    const { sum, turned } = blockOf(side, batch);
    const feeds = { x: filled(3, [batch, side, side, WIDTH], 1) };
    const [plain, blocks] = await Promise.all(
      [onnxEngine({ threads: 2, block: 0 }), onnxEngine({ threads: 2 })].map(async (made) => {
        const program = await (await made).compile({ outputs: { sum } }, { constants });
        const { data } = (await program.run(feeds)).sum;
        await program.dispose();
        return data as Float32Array;
      }),
    );
    const most = plain.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    plain.forEach((value, i) => {
      assert.ok(Math.abs(value - blocks[i]) < 3e-6 * most, `${i}: ${value} and ${blocks[i]}`);
    });
    assert.equal(inBlocks({ sum }), 2);
    assert.equal(inBlocks({ turned }), 2);
  });

test("a perceptron is left as it is where blocks would not pay or compute twice", () => {
  const { sum, hidden } = blockOf(64);
  assert.equal(inBlocks({ sum: blockOf(32).sum }), 0, "few rows");
  assert.equal(inBlocks({ sum, hidden }), 0, "a value between is an output");
  assert.equal(inBlocks({ sum, again: g.mul(hidden, 2) }), 0, "a value between is read");
  assert.equal(inBlocks({ sum }, new Map()), 0, "fed weights");
  assert.equal(inBlocks({ sum }, new Map([...constants].filter(([name]) => name !== "w1"))), 0, "one fed weight");
  assert.equal(inBlocks({ sum }, constants, 0), 0, "no layout");
});
