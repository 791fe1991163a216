/** @file The passes: constants fold, equal nodes merge, what differs stays apart, and the numbers do not change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import { ancestors, grad, recompute } from "../../src/graph/grad.js";
import { simplify } from "../../src/graph/passes/index.js";
import type { Tensor } from "../../src/graph/tensor.js";
import { defineModel } from "../../src/model.js";
import { assertClose, largest } from "../support/close.js";
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
    g.transpose(x, [0, 1]),
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

test("a block is rebuilt after the loss and the gradients of the blocks behind it", () => {
  const weights = [0, 1].map((i) => g.param(`w${i}`, [3, 3]));
  const [w0, w1] = weights;
  const h = recompute(([a]) => g.gelu(g.matmul(a, w0)), [x]);
  const loss = g.sum(g.square(recompute(([a]) => g.gelu(g.matmul(a, w1)), [h])));
  const [first, second] = grad(loss, weights);
  assert.ok(ancestors([first]).includes(second), "the gradient of the second block comes first");
  assert.ok(ancestors([second]).includes(loss), "and the loss before it");
});

test("a barrier gives its value, bit for bit, whatever it waits for", async () => {
  const engine = await createEngine("onnx", { threads: 1 });
  const after = [g.input("scalar", []), g.input("matrix", [2, 2]), g.input("vector", [3])];
  const y = g.reshape(g.barrier(g.reshape(x, [3, 2]), ...after), [6]);
  const program = await engine.compile({ outputs: { y } });
  const data = Float32Array.of(1, -2, Number.NaN, 4, 1e-40, Number.POSITIVE_INFINITY);
  const feeds = {
    x: { data, shape: [2, 3] },
    scalar: { data: Float32Array.of(Number.NaN), shape: [] },
    matrix: { data: new Float32Array(4).fill(Number.POSITIVE_INFINITY), shape: [2, 2] },
    vector: { data: new Float32Array(3), shape: [3] },
  };
  assert.deepEqual((await program.run(feeds)).y.data, data);
  await program.dispose();
});

test("the gradient of large attention, in strips, is that of its parts", async () => {
  const engine = await createEngine("onnx", { threads: 2 });
  const [heads, N, D] = [2, 2900, 4]; // more logits than are handled at once, and no multiple of a strip
  const shape = [1, N, heads * D];
  const packed = ["q", "k", "v"].map((name) => g.input(name, shape));
  const weight = g.input("weight", shape);
  const split = (t: Tensor) => g.transpose(g.reshape(t, [1, N, heads, D]), [0, 2, 1, 3]);
  const [q, k, v] = packed.map(split);
  const parts = g.matmul(g.softmax(g.mul(g.matmul(q, g.transpose(k, [0, 1, 3, 2])), 0.5), -1), v);
  const written = g.reshape(g.transpose(parts, [0, 2, 1, 3]), shape);
  const fused = g.attention(packed[0], packed[1], packed[2], { heads, scale: 0.5 });
  const feeds = Object.fromEntries(
    [...packed, weight].map((t, i) => [
      (t as Tensor<"input">).attrs.name,
      { data: fill(40 + i, N * heads * D, 2), shape },
    ]),
  );
  const [expected, actual] = [written, fused].map((y) => grad(g.sum(g.mul(y, weight)), packed));
  const run = async (gradients: readonly Tensor[]) => {
    const program = await engine.compile({ outputs: { dq: gradients[0], dk: gradients[1], dv: gradients[2] } });
    const results = await program.run(feeds);
    await program.dispose();
    return results;
  };
  const [from, to] = [await run(expected), await run(actual)];
  for (const [name, { data }] of Object.entries(from)) assertClose(to[name].data, data, 1e-5 * largest(data), name);
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
