/** @file Programs of ever new input shapes: the last three are kept, and none is disposed while it runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine, Program } from "../../src/engine/engine.js";
import { createEngine } from "../../src/engine/index.js";
import { programCache } from "../../src/engine/program-cache.js";
import { createPredictor } from "../../src/predictor.js";
import { noise } from "../support/geo-files.js";
import { tinyModel } from "../support/geo-model.js";

/** Programs that do nothing but say whether they live. */
function made() {
  const alive = new Set<string>();
  let compiled = 0;
  const compile = (key: string) => async (): Promise<Program> => {
    compiled++;
    alive.add(key);
    return { feeds: [], run: async () => ({}), dispose: async () => void alive.delete(key) };
  };
  return { alive, compile, compiled: () => compiled };
}

test("the oldest of more than three goes, one that is used again stays; dispose takes all", async () => {
  const { alive, compile, compiled } = made();
  const cache = programCache();
  const use = (key: string) => cache.use(key, compile(key), async () => key);
  for (const key of ["a", "b", "c", "a", "d"]) assert.equal(await use(key), key);
  assert.deepEqual([[...alive].sort(), compiled()], [["a", "c", "d"], 4]);
  await use("b");
  assert.deepEqual([[...alive].sort(), compiled()], [["a", "b", "d"], 5]);
  await cache.dispose();
  assert.equal(alive.size, 0);
});

test("a running program is never disposed, not even by dispose, which takes it once it is done", async () => {
  const { alive, compile, compiled } = made();
  const cache = programCache(1);
  let finish = () => {};
  const running = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const first = cache.use("a", compile("a"), () => running);
  const twin = cache.use("a", compile("a"), () => running);
  await cache.use("b", compile("b"), async () => {});
  await cache.dispose();
  assert.deepEqual([[...alive], compiled()], [["a"], 2]);
  finish();
  await Promise.all([first, twin]);
  assert.equal(alive.size, 0);
});

test("a program that cannot be compiled is tried again", async () => {
  const { compile } = made();
  const cache = programCache();
  await assert.rejects(
    cache.use(
      "a",
      () => Promise.reject(new Error("no memory")),
      async () => 1,
    ),
    /no memory/,
  );
  assert.equal(await cache.use("a", compile("a"), async () => 2), 2);
});

test("a predictor of six image sizes holds three programs, and gives the scores it gave before", async () => {
  const { model, card, state } = await tinyModel();
  const real = await createEngine("onnx", { threads: 1 });
  let [alive, most] = [0, 0];
  const engine: Engine = {
    ...real,
    async compile(graph, options) {
      const program = await real.compile(graph, options);
      most = Math.max(most, ++alive);
      const dispose = async () => {
        alive--;
        await program.dispose();
      };
      return { ...program, dispose };
    },
  };
  const predictor = createPredictor({ engine, model, preprocessing: card.preprocessing, constants: state });
  const scores = async (side: number) =>
    (await predictor.scores({ data: noise(side, side, 3), width: side, height: side, bands: 3 })).data;
  const first = await scores(10);
  for (const side of [11, 12, 13, 14, 15]) await scores(side);
  assert.deepEqual(await scores(10), first);
  assert.deepEqual([alive, most], [3, 3]);
  await predictor.dispose();
  assert.equal(alive, 0);
});
