/** @file A run that is asked to stop: it saves wherever it is, in a validation too, and goes on to the same bytes. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readMetrics } from "../../src/run/metrics-log.js";
import { breatheUnder, silent, Stopped, type Talk } from "../../src/talk.js";
import { embeddingCache } from "../../src/train/embeddings.js";
import { train } from "../../src/train/index.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { writeTinyData } from "./tiny-data.js";

const OPTIONS = {
  ...{ encoder: "resnet-test", encoderWeights: "none", decoder: "unet", size: 32, steps: 5, batchSize: 2, threads: 1 },
  ...{ decoderOptions: { channels: [4, 4, 4, 4, 4] }, datasetOptions: { classes: "dark,bright" }, validateEvery: 2 },
};

/** Stops the n-th stage of a kind as soon as it begins. */
function stopping(stage: string, at: number): Talk {
  const controller = new AbortController();
  let seen = 0;
  const progress: Talk["progress"] = (label) => {
    if (label === stage && ++seen === at) controller.abort("SIGTERM");
    return { add() {}, end() {} };
  };
  return { ...silent, progress, signal: controller.signal, breathe: breatheUnder(controller.signal) };
}

test("stopped within a validation, a run makes up for it and ends with the same bytes", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
    await train({ ...OPTIONS, data, out: whole });
    const stopped = train({ ...OPTIONS, data, out: broken }, stopping("validation", 2));
    await assert.rejects(stopped, Stopped);
    const status = JSON.parse(await readFile(join(broken, "status.json"), "utf8"));
    assert.equal(status.state, "stopped");
    assert.equal(readMetrics(join(broken, "metrics.jsonl")).at(-1)?.step, 4);
    await train({ ...OPTIONS, data, out: broken, resume: true });
    for (const file of ["last/model", "last/optimizer", "best/model"]) {
      const [is, wanted] = await Promise.all(
        [broken, whole].map((run) => readFile(join(run, "checkpoints", `${file}.safetensors`))),
      );
      assert.ok(is.equals(wanted), file);
    }
    const rows = (run: string) =>
      readMetrics(join(run, "metrics.jsonl")).map(({ seconds: _, modelSeconds: __, ...row }) => row);
    assert.deepEqual(rows(broken), rows(whole));
  }));

test("a damaged embedding is told of and not used", () =>
  withFolder(async (folder) => {
    const warnings: string[] = [];
    const cache = embeddingCache(folder, (line) => warnings.push(line));
    const preprocessing = { bands: [0], bandNames: ["gray"], mean: [0], std: [1], multipleOf: 32 };
    const key = { image: "a", weights: "b", encoder: "c", preprocessing, view: 0, features: ["neck"], engine: "onnx" };
    await cache.write(key, [{ data: fill(1, 8), shape: [1, 2, 2, 2] }]);
    const bytes = await readFile(cache.pathOf(key));
    for (let bit = 0; bit < 8 * 32; bit++) {
      const copy = Buffer.from(bytes);
      copy[bytes.length - 1 - (bit >> 3)] ^= 1 << (bit & 7);
      await writeFile(cache.pathOf(key), copy);
      assert.equal(await cache.read(key), undefined, `bit ${bit}`);
    }
    assert.equal(warnings.length, 8 * 32);
    assert.match(warnings[0], /checksum.*the embedding is computed again/);
    await writeFile(cache.pathOf(key), bytes);
    assert.equal((await cache.read(key))?.length, 1);
  }));
