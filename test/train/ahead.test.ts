/** @file Batches made ahead and in a thread: the same bytes in the same order, errors when their turn has come, no more of them than is said. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { parseTrainConfig } from "../../src/config.js";
import { AHEAD, batchesAhead } from "../../src/data/ahead.js";
import { batcher } from "../../src/data/batch.js";
import { draws } from "../../src/data/order.js";
import { areThreadable, threadedBatcher } from "../../src/data/threaded.js";
import type { PhotoSample } from "../../src/dataset/photo-sample.js";
import { SegError } from "../../src/errors.js";
import { readMetrics } from "../../src/run/metrics-log.js";
import { planRun, train } from "../../src/train/index.js";
import { writeTinyData } from "../run/tiny-data.js";
import { withFolder } from "../support/folder.js";

const OPTIONS = {
  ...{ encoder: "resnet-test", encoderWeights: "none", decoder: "fpn", size: 32, threads: 1 },
  ...{ decoderOptions: { pyramidChannels: 8, segmentationChannels: 32 }, datasetOptions: { classes: "dark,bright" } },
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The plan of a run over tiny photos, and a batcher here and one in a thread. */
const withBatchers = (
  use: (here: ReturnType<typeof batcher>, there: ReturnType<typeof batcher>, data: string, set: Set) => Promise<void>,
) =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const plan = await planRun(parseTrainConfig({ ...OPTIONS, data, out: join(folder, "run") }));
    assert.ok(areThreadable(plan.train));
    const options = { preprocessing: plan.preprocessing, preset: "aerial", size: 32, seed: 3 } as const;
    const thread = threadedBatcher({ samples: plan.train, ...options });
    try {
      await use(batcher({ samples: plan.train, ...options }), thread.make, data, plan);
    } finally {
      await thread.close();
    }
  });

interface Set {
  readonly train: readonly PhotoSample[] | Awaited<ReturnType<typeof planRun>>["train"];
  readonly dataset: { readonly warnings: readonly string[] };
}

test("a thread makes the same batches, byte for byte and in order, ahead of their turn", () =>
  withBatchers(async (here, there) => {
    const wanted = (n: number) => draws(5, 3, n * 3, 3); // 12 batches: seven epochs of 5
    const ahead = batchesAhead((n) => there(wanted(n)), 12);
    for (let n = 0; n < 12; n++) assert.deepEqual(await ahead(n), await here(wanted(n)), `batch ${n}`);
  }));

test("a damaged file is refused in the same words when its batch is asked for; the other batches are made", () =>
  withBatchers(async (here, there, data) => {
    const file = join(data, "masks/train/train-2.png");
    await writeFile(file, "no mask");
    const one = (index: number) => [{ index, epoch: 0 }];
    const ahead = batchesAhead((n) => there(one(n)), 5);
    const told = (batch: Promise<unknown>) => batch.then(String, (error: unknown) => error);
    for (const n of [0, 1]) assert.deepEqual(await ahead(n), await here(one(n)));
    const [got, wanted] = [await told(ahead(2)), await told(here(one(2)))];
    assert.ok(got instanceof SegError && wanted instanceof SegError, String(got));
    assert.equal(got.subject, file);
    assert.deepEqual([got.message, got.exitCode], [wanted.message, wanted.exitCode]);
    for (const n of [3, 4]) assert.deepEqual(await ahead(n), await here(one(n)));
  }));

test("what a thread finds remarkable about a file becomes a warning of the data set", () =>
  withBatchers(async (_here, there, data, { dataset }) => {
    const file = join(data, "images/train/train-1.png");
    await sharp(await sharp(file).toBuffer())
      .withMetadata({ orientation: 6 })
      .toFile(file);
    const before = dataset.warnings.length;
    await there([{ index: 1, epoch: 0 }]);
    assert.match(dataset.warnings.slice(before).join("\n"), /^.*train-1\.png: EXIF asks for a rotation \(6\)[^\n]*$/);
  }));

test("a thread that has ended rejects what waits for it", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const plan = await planRun(parseTrainConfig({ ...OPTIONS, data, out: join(folder, "run") }));
    const samples = plan.train as readonly PhotoSample[];
    const thread = threadedBatcher({ samples, preprocessing: plan.preprocessing, preset: "none", size: 32, seed: 0 });
    const waits = assert.rejects(thread.make([{ index: 0, epoch: 0 }]), /internal: the batch-thread thread ended/);
    await thread.close();
    await waits;
  }));

test(`at most ${AHEAD} batches are made before their turn, one at a time, none beyond the last; a fault waits for its turn`, async () => {
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  const make = (n: number) => {
    begun.push(n);
    return new Promise<number>((resolve, reject) => ends.set(n, () => (n === 3 ? reject(new Error("3")) : resolve(n))));
  };
  const ahead = batchesAhead(make, 6);
  const end = async (n: number) => {
    ends.get(n)?.();
    for (let i = 0; i < 3; i++) await turn(); // an unhandled rejection would end the process here
  };
  const first = ahead(0);
  await turn();
  assert.deepEqual(begun, [0]);
  for (const n of [0, 1, 2, 3]) await end(n);
  assert.equal(await first, 0);
  assert.deepEqual(begun, [0, 1, 2], "1 and 2 are ahead, 3 has to wait");
  assert.equal(await ahead(1), 1);
  await turn();
  assert.deepEqual(begun, [0, 1, 2, 3]);
  await end(3);
  assert.equal(await ahead(2), 2);
  await assert.rejects(ahead(3), /^Error: 3$/);
  await end(4);
  assert.equal(await ahead(4), 4);
  await end(5);
  assert.equal(await ahead(5), 5);
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
});

test("a row of metrics.jsonl says how much of its step was inside the model", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const out = join(folder, "run");
    await train({ ...OPTIONS, data, out, steps: 3, batchSize: 2 });
    const rows = readMetrics(join(out, "metrics.jsonl")).filter(({ event }) => event === "step");
    assert.equal(rows.length, 3);
    for (const { seconds, modelSeconds } of rows) {
      assert.ok((modelSeconds as number) > 0 && (modelSeconds as number) <= (seconds as number));
    }
  }));
