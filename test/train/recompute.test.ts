/**
 * @file Blocks computed again in the backward pass: the losses of short trainings are those with everything kept, and what a block records (parameters,
 * dropout masks, running statistics) is recorded once.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Scope } from "../../src/contract.js";
import { createEngine } from "../../src/engine/index.js";
import { ancestors, grad } from "../../src/graph/grad.js";
import * as g from "../../src/graph/functions.js";
import type { Tensor, TensorData } from "../../src/graph/tensor.js";
import { simplify } from "../../src/graph/passes/index.js";
import { batchNorm2d, conv2d } from "../../src/nn/index.js";
import { recordScope } from "../../src/scope.js";
import { assertClose, largest } from "../support/close.js";
import { fill } from "../support/filler.js";
import { goldens, lossesOf } from "../support/training.js";

describe("recompute", async () => {
  const engine = await createEngine("onnx", { threads: 2 });

  for (const name of ["sam, full", "sam, lora"]) {
    test(`${name}: the losses are those with everything kept`, async () => {
      const { settings, losses } = goldens[name];
      const [on, off] = [
        await lossesOf(engine, { losses, settings: { ...settings, recompute: "on" } }, false),
        await lossesOf(engine, { losses, settings: { ...settings, recompute: "off" } }, false),
      ];
      for (const [i, loss] of on.entries())
        assert.ok(Math.abs(loss - off[i]) <= 1e-6 * off[i], `step ${i + 1}: ${loss}, ${off[i]}`);
    });
  }

  test("blocks with nothing to train pass the gradient on", async () => {
    const gradientOf = async (recompute: boolean) => {
      const { scope } = recordScope({ training: true, recompute });
      const x = g.input("x", [2, 3]);
      let y: Tensor = x;
      for (let i = 0; i < 3; i++) y = scope.block((v) => g.mul(g.sigmoid(v), v), y);
      const program = await engine.compile({ outputs: { d: grad(g.sum(y), [x])[0] } });
      const { d } = await program.run({ x: { data: fill(1, 6), shape: [2, 3] } });
      await program.dispose();
      return [...d.data];
    };
    assert.deepEqual(await gradientOf(true), await gradientOf(false));
  });

  /** Loss, gradients and new statistics of two blocks with a convolution, batch norm and dropout each. */
  function traced(recompute: boolean) {
    const { scope, slots, updates, dropouts } = recordScope({ training: true, recompute });
    const layer = (s: Scope) => (x: Tensor) =>
      s.dropout(g.relu(batchNorm2d(s.at("norm"), conv2d(s.at("conv"), x, 4, { kernel: 3, padding: 1 }))), 0.5);
    let x: Tensor = g.input("x", [2, 4, 6, 6]);
    for (const name of ["a", "b"]) x = scope.block(layer(scope.at(name)), x);
    const loss = g.sum(g.square(x));
    const trained = [...slots].filter(([, { trainable }]) => trainable);
    const gradients = grad(
      loss,
      trained.map(([, { tensor }]) => tensor),
    );
    const outputs = Object.fromEntries([
      ["loss", loss],
      ...trained.map(([name], i) => [`grad/${name}`, gradients[i]]),
      ...[...updates].map(([name, value]) => [`buffer/${name}`, value]),
    ]) as Record<string, Tensor>;
    return { outputs, slots, dropouts };
  }

  test("dropout and running statistics inside a block are those of the first computation", async () => {
    const [again, kept] = [traced(true), traced(false)];
    assert.deepEqual(again.dropouts, kept.dropouts);
    assert.deepEqual([...again.slots.keys()], [...kept.slots.keys()]);
    const products = ({ outputs }: typeof kept) =>
      ancestors(Object.values(simplify(outputs))).filter(({ op }) => op === "conv2d").length;
    assert.equal(products(again), 2 * products(kept), "the blocks are computed again");
    const run = async ({ outputs }: typeof kept) => {
      const program = await engine.compile({ outputs });
      const shapes = new Map<string, readonly number[]>([["x", [2, 4, 6, 6]]]);
      for (const { name, shape } of kept.dropouts) shapes.set(name, shape);
      for (const [name, { tensor }] of kept.slots) shapes.set(name, tensor.shape);
      const feeds = Object.fromEntries(
        program.feeds.map((name, i): [string, TensorData] => {
          const shape = shapes.get(name) as number[];
          const data = fill(
            60 + i,
            shape.reduce((product, extent) => product * extent, 1),
            1,
          );
          return [
            name,
            { data: name.startsWith("dropout/") ? data.map((v) => (v > 0 ? 2 : 0)) : data.map(Math.abs), shape },
          ];
        }),
      );
      const results = await program.run(feeds);
      await program.dispose();
      return results;
    };
    const [from, to] = [await run(kept), await run(again)];
    assert.deepEqual(Object.keys(to), Object.keys(from));
    for (const [name, { data }] of Object.entries(from)) assertClose(to[name].data, data, 1e-6 * largest(data), name);
  });
});
