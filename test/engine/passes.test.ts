/** @file The passes: constants fold, equal nodes merge, what differs stays apart, and the numbers do not change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/index.js";
import { ancestors, grad, recompute } from "../../src/graph/grad.js";
import * as g from "../../src/graph/functions.js";
import { simplify } from "../../src/graph/passes/index.js";
import type { Tensor } from "../../src/graph/tensor.js";
import { defineModel } from "../../src/model.js";
import { fill } from "../support/filler.js";

const count = (x: Tensor) => ancestors([x]).length;
const only = (x: Tensor) => simplify({ x }).x;
const x = g.input("x", [2, 3]);

test("arithmetic on constants is folded, in float32", () => {
  const y = only(g.mul(g.add(g.splat(0.1, [2, 3]), g.splat(0.2)), g.neg(g.splat(3))));
  assert.equal(y.op, "splat");
  assert.equal((y as Tensor<"splat">).attrs.value, Math.fround(Math.fround(Math.fround(0.1) + Math.fround(0.2)) * -3));
  assert.deepEqual(y.shape, [2, 3]);
});

test("operations that change nothing vanish", () => {
  for (const y of [
    g.add(x, 0),
    g.mul(1, x),
    g.div(x, 1),
    g.sub(x, 0),
    g.reshape(g.reshape(x, [6]), [2, 3]),
    g.broadcastTo(x, [2, 3]),
  ])
    assert.equal(only(y), x, y.op);
  assert.notEqual(only(g.add(g.sum(x), g.splat(0, [2, 3]))), x); // this one broadcasts
  assert.equal(only(g.mul(x, 0)).op, "mul"); // NaN times 0 is NaN
});

test("equal nodes become one, different ones do not", () => {
  assert.equal(count(only(g.add(g.exp(x), g.exp(x)))), 3);
  assert.equal(count(only(g.add(g.sum(x, [0]), g.sum(x, [0])))), 3);
  assert.equal(count(only(g.add(g.sum(x, [0], true), g.sum(g.add(x, 2), [0], true)))), 6);
  const [a, b] = [new Float32Array([1, 2]), new Float32Array([1, 2])].map((data) => g.constant({ data, shape: [2] }));
  assert.equal(count(only(g.add(a, a))), 2);
  assert.equal(count(only(g.add(a, b))), 3);
});

test("a recomputed block is not merged with the first computation", () => {
  const w = g.param("w", [3, 3]);
  const block = ([h]: readonly Tensor[]) => g.gelu(g.matmul(h, w));
  const products = (y: Tensor) => {
    const outputs = simplify({ loss: g.sum(y), dw: grad(g.sum(y), [w])[0] });
    return ancestors(Object.values(outputs)).filter(({ op }) => op === "matmul").length;
  };
  assert.equal(products(recompute(block, [x])), products(block([x])) + 1);
});

test("a training step has fewer nodes and runs", async () => {
  const model = defineModel({ encoder: "resnet-test", decoder: "unet", classes: 3 });
  const { scope, slots } = model.record(true);
  const logits = model.trace(scope, g.input("image", [1, 3, 64, 64]));
  const labels = g.input("labels", [1, 64, 64], "int32");
  const loss = g.crossEntropy(logits, labels);
  const [, weight] = [...slots].find(([name]) => name === "decoder.blocks.0.conv1.0.weight")!;
  const outputs = { loss: g.sum(loss), grad: grad(g.sum(loss), [weight.tensor])[0] };
  const [before, after] = [outputs, simplify(outputs)].map((graph) => ancestors(Object.values(graph)).length);
  assert.ok(after < before, `${after} of ${before} nodes`);
  const engine = await createEngine("onnx", {});
  const program = await engine.compile({ outputs });
  const feeds = Object.fromEntries(
    program.feeds.map((name, i) => {
      if (name === "image") return [name, { data: fill(1, 3 * 64 * 64, 2), shape: [1, 3, 64, 64] }];
      if (name === "labels")
        return [name, { data: new Int32Array(64 * 64).map((_, at) => at % 3), shape: [1, 64, 64] }];
      const { shape } = slots.get(name)!.tensor;
      return [
        name,
        {
          data: fill(
            i + 2,
            shape.reduce((product, extent) => product * extent, 1),
            0.5,
          ).map((value) => (name.includes("running_var") ? 1 : value)),
          shape,
        },
      ];
    }),
  );
  const { loss: value, grad: gradient } = await program.run(feeds);
  assert.ok(Number.isFinite(value.data[0]));
  assert.ok(gradient.data.some((entry) => entry !== 0));
  await program.dispose();
});
