/** @file What a run is planned to be: options without effect, a model's own preprocessing, configurations over each other, remarks that come late. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import sharp from "sharp";
import { command as trainCommand } from "../../src/cli/commands/train.js";
import { parseTrainConfig, type TrainOptions } from "../../src/config.js";
import { inspectDataset } from "../../src/dataset/index.js";
import { evaluate } from "../../src/evaluate.js";
import { createModel } from "../../src/library/model.js";
import type { ModelCard } from "../../src/run/card.js";
import { openRun } from "../../src/run/folder.js";
import { silent } from "../../src/talk.js";
import { openDataset, planRun, train } from "../../src/train/index.js";
import { withFolder } from "../support/folder.js";
import { writeTinyData } from "../run/tiny-data.js";

const TINY = {
  ...{ encoder: "resnet-test", encoderWeights: "none", decoder: "unet", batchSize: 2, threads: 1, size: 32 },
  ...{ decoderOptions: { channels: [4, 4, 4, 4, 4] }, datasetOptions: { classes: "dark,bright" } },
} as const;

const withData = (use: (data: string, folder: string) => Promise<void>) => () =>
  withFolder(async (folder) => use(await writeTinyData(join(folder, "data")), folder));

test(
  "flags that training on cached maps never looks at are told of, where they were changed",
  withData(async (data, folder) => {
    const idle = async (changes: Partial<TrainOptions>) => {
      const frozen = { ...TINY, encoder: "sam-vit-test", tune: "frozen", size: undefined } as const;
      const { warnings } = await planRun(parseTrainConfig({ ...frozen, data, out: join(folder, "run"), ...changes }));
      return warnings.filter((line) => line.includes("--views"));
    };
    const says = (flags: string) => [`augmentation of cached embeddings is --views; ${flags} has no effect`];
    assert.deepEqual(await idle({}), []);
    assert.deepEqual(await idle({ augment: "standard" }), []);
    assert.deepEqual(await idle({ augment: "aerial" }), says("--augment"));
    assert.deepEqual(await idle({ size: 32 }), says("--size"));
    assert.deepEqual(await idle({ augment: "flips", size: 32 }), says("--augment/--size"));
    assert.deepEqual(await idle({ augment: "flips", size: 32, tune: "full" }), []);
  }),
);

test(
  "training that goes on from a model keeps its mean, std and stretch",
  withData(async (data, folder) => {
    const model = await createModel({ ...TINY, classes: "dark,bright", decoderOptions: { channels: [4, 4, 4, 4, 4] } });
    await model.close();
    const config = parseTrainConfig({ ...TINY, data, out: join(folder, "run") });
    const own = { mean: [1, 2, 3], std: [4, 5, 6] };
    const planned = async (changes: Partial<ModelCard["preprocessing"]>) =>
      (await planRun(config, { ...model.card, preprocessing: { ...model.card.preprocessing, ...changes } }))
        .preprocessing;
    const { mean, std, stretch, bands } = await planned(own);
    assert.deepEqual({ mean, std, stretch, bands }, { ...own, stretch: undefined, bands: [0, 1, 2] });
    const stretched = { low: [0, 0, 0], high: [9, 9, 9] };
    assert.deepEqual((await planned({ ...own, stretch: stretched })).stretch, stretched);
  }),
);

/** The configuration `seg train --dry-run` arrives at. */
async function dryRun(t: TestContext, flags: Record<string, unknown>): Promise<TrainOptions> {
  const log = t.mock.method(console, "log", () => {});
  try {
    await trainCommand.run({ ...flags, "dry-run": true, json: true });
    return JSON.parse(String(log.mock.calls.at(-1)?.arguments[0])).config;
  } finally {
    log.mock.restore();
  }
}

test("the length of a run in flags wins over the other way to say it in the file", (t) =>
  withData(async (data, folder) => {
    const file = join(folder, "train.yaml");
    const flags = { config: file, data, out: join(folder, "run"), encoder: "resnet-test", "encoder-weights": "none" };
    await writeFile(file, "epochs: 7\nlr: 0.5\n");
    const bySteps = await dryRun(t, { ...flags, steps: "3" });
    assert.deepEqual([bySteps.steps, bySteps.epochs, bySteps.lr], [3, undefined, 0.5]);
    await writeFile(file, "steps: 7\n");
    const byEpochs = await dryRun(t, { ...flags, epochs: "3" });
    assert.deepEqual([byEpochs.steps, byEpochs.epochs], [undefined, 3]);
    await assert.rejects(dryRun(t, { ...flags, steps: "3", epochs: "3" }), /--steps: was given together with --epochs/);
  })());

test("--resume takes what is not given from the run", (t) =>
  withData(async (data, folder) => {
    const out = join(folder, "run");
    const started = parseTrainConfig({ ...TINY, data, out, epochs: 4, lr: 0.5, force: true });
    await (await openRun(started, "test")).release();
    const resumed = await dryRun(t, { out, resume: true });
    assert.deepEqual(resumed, { ...JSON.parse(JSON.stringify(started)), resume: true, force: false });
    const changed = await dryRun(t, { out, resume: true, steps: "3", "decoder.channels": "8,8,8,8,8" });
    assert.deepEqual([changed.steps, changed.epochs, changed.lr], [3, undefined, 0.5]);
    assert.deepEqual(changed.decoderOptions, { channels: [8, 8, 8, 8, 8] });
    await assert.rejects(dryRun(t, { out }), /--data: is missing/);
    await assert.rejects(dryRun(t, { out: join(folder, "other"), resume: true }), /--data: is missing/);
  })());

/** Turns the first photo of each split into one whose EXIF data ask for a rotation. */
async function rotate(data: string): Promise<void> {
  for (const split of ["train", "val"]) {
    const path = join(data, "images", split, `${split}-0`);
    await sharp(`${path}.png`).withMetadata({ orientation: 6 }).jpeg().toFile(`${path}.jpg`);
    await rm(`${path}.png`);
  }
}

test(
  "train, eval and inspect tell once of what only reading an image shows",
  withData(async (data, folder) => {
    await rotate(data);
    const heard: string[] = [];
    const talk = { ...silent, warn: (line: string) => heard.push(line) };
    const ofRotation = () => heard.splice(0).filter((line) => line.includes("EXIF asks for a rotation (6)")).length;
    await train({ ...TINY, data, out: join(folder, "run"), steps: 2 }, talk);
    assert.equal(ofRotation(), 1);
    const dataset = { dataset: "folder", data, datasetOptions: TINY.datasetOptions };
    const model = await createModel({ ...TINY, classes: "dark,bright", decoderOptions: TINY.decoderOptions });
    await evaluate(model, dataset, talk);
    await model.close();
    assert.equal(ofRotation(), 1);
    heard.push(...(await inspectDataset(await openDataset(dataset))).warnings);
    assert.equal(ofRotation(), 1);
  }),
);
