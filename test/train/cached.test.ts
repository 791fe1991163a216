/** @file Training on cached embeddings: the encoder runs once an image and view, and every score after that comes from the cache. */
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseTrainConfig, type TrainOptions } from "../../src/config.js";
import type { Sample } from "../../src/contract.js";
import { decodeSample } from "../../src/data/batch.js";
import { toInput, toLabels } from "../../src/preprocess.js";
import { readMetrics } from "../../src/run/metrics-log.js";
import { silent } from "../../src/talk.js";
import { cachedBatcher } from "../../src/train/cached.js";
import { planRun, train } from "../../src/train/index.js";
import { openSafetensors, writeSafetensors } from "../../src/weights/safetensors.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { writeTinyData } from "../run/tiny-data.js";

const OPTIONS: Omit<TrainOptions, "data" | "out"> = {
  ...{ encoder: "sam-vit-test", encoderWeights: "none", tune: "frozen", decoder: "unet", batchSize: 1, threads: 1 },
  ...{ decoderOptions: { channels: [4, 4, 4, 4, 4] }, datasetOptions: { classes: "dark,bright" } },
};

/** Puts noise into every file of an embedding cache, under right checksums. */
async function spoil(cache: string): Promise<number> {
  const names = (await readdir(cache, { recursive: true })).filter((name) => name.endsWith(".safetensors"));
  for (const [i, name] of names.entries()) {
    const file = await openSafetensors(join(cache, name));
    const maps = await Promise.all(file.names().map(async (map) => [map, await file.read(map)] as const));
    await file.close();
    const noise = maps.map(
      ([map, { data, shape }]) => [map, { data: fill(i, data.length).map((value) => 50 * value), shape }] as const,
    );
    await writeSafetensors(join(cache, name), noise, {});
  }
  return names.length;
}

test("the scores of the best weights come from the cache, as those of its validation did", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const cache = join(folder, "cache");
    const lines: string[] = [];
    const talk = { ...silent, info: (line: string) => lines.push(line) };
    const run = (name: string) =>
      train({ ...OPTIONS, data, cache, out: join(folder, name), steps: 2, resume: true }, talk);
    const first = await run("first");
    assert.equal(await spoil(cache), 7);
    const { iou, mIoU } = await run("second");
    const row = readMetrics(join(folder, "second/metrics.jsonl")).find(({ event }) => event === "validation");
    assert.deepEqual({ iou, mIoU }, { iou: row?.iou, mIoU: row?.mIoU });
    assert.notDeepEqual(iou, first.iou); // an encoder that ran again would have given these
    assert.ok(lines.includes(`${join(folder, "first")} holds no run yet: starting`), lines.join("\n"));
    assert.ok(!lines.some((line) => line.startsWith("resumed")));
  }));

for (const pyramid of ["simple", "stem"] as const) {
  test(`a batch of pyramid ${pyramid} has the labels of the input's geometry${pyramid === "stem" ? ", and the image" : ""}`, () =>
    withFolder(async (folder) => {
      const data = await writeTinyData(join(folder, "data"));
      const plan = await planRun(parseTrainConfig({ ...OPTIONS, data, pyramid, out: join(folder, "run") }));
      const maps = async () => plan.model.cached.map(() => ({ data: fill(1, 8), shape: [1, 2, 2, 2] }));
      const batch = await cachedBatcher(plan, { maps, fill: async () => {} })([{ index: 1, epoch: 0 }]);
      const { image, labels } = await decodeSample(plan.train[1] as Sample, plan.preprocessing);
      const { input, placement } = toInput(image, plan.preprocessing);
      assert.deepEqual(batch.labels.data, toLabels(labels, placement));
      assert.deepEqual(batch.image, pyramid === "stem" ? input : undefined);
    }));
}

test("the content of an image is hashed once", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const { train: samples } = await planRun(parseTrainConfig({ ...OPTIONS, data, out: join(folder, "run") }));
    const before = await samples[0].contentHash();
    await rm(samples[0].file);
    assert.equal(await samples[0].contentHash(), before);
  }));
