/** @file A run that is killed and resumed beside one that is not: both must end with the same bytes. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readMetrics } from "../../src/run/metrics-log.js";
import { type Moment, runUntil } from "./kill.js";
import { TINY, writeTinyData } from "./tiny-data.js";

/** Batch norm, dropout, augmentation, averaged weights, accumulation, warm-up. */
export const TRAINED = [
  ...["--encoder", "resnet-test", "--decoder", "fpn", "--decoder.segmentationChannels", "32"],
  ...["--decoder.pyramidChannels", "8", "--size", "32", "--augment", "aerial", "--ema", "0.9", "--accumulate", "2"],
  ...["--steps", "30", "--batch-size", "2", "--save-every", "2", "--validate-every", "7", "--warmup", "3"],
];
/** A frozen encoder whose maps are cached. */
export const CACHED = [
  ...["--encoder", "sam-vit-test", "--tune", "frozen", "--decoder", "unet", "--decoder.channels", "4,4,4,4,4"],
  ...["--views", "2", "--steps", "9", "--batch-size", "1", "--save-every", "2", "--validate-every", "4"],
];

/** Runs once unbroken and once killed at the moments and resumed, in a folder; fails unless both end with the same bytes. */
export async function compare(
  folder: string,
  options: readonly string[],
  steps: number,
  when: readonly Moment[],
): Promise<void> {
  const data = await writeTinyData(join(folder, "data"));
  const start = (run: string) => ["train", "--data", data, "--out", run, "--resume", ...TINY, ...options];
  const [whole, broken] = [join(folder, "whole/run"), join(folder, "broken/run")];
  await finish(start(whole), whole);
  for (const moment of when) {
    const ended = await runUntil(start(broken), broken, moment);
    assert.equal(ended.signal, "SIGKILL", `${JSON.stringify(moment)}: ended by itself, ${ended.stderr}`);
  }
  await finish(start(broken), broken);
  await sameRun(broken, whole, steps);
}

async function finish(args: readonly string[], run: string): Promise<void> {
  const ended = await runUntil(args, run);
  assert.equal(ended.code, 0, ended.stderr);
}

async function sameRun(broken: string, whole: string, steps: number): Promise<void> {
  for (const file of ["last/model", "last/optimizer", "best/model", "previous/model"]) {
    const [is, wanted] = await Promise.all(
      [broken, whole].map((run) => readFile(join(run, "checkpoints", `${file}.safetensors`))),
    );
    assert.ok(is.equals(wanted), `checkpoints/${file}.safetensors differs`);
  }
  assert.deepEqual(rows(broken), rows(whole));
  assert.deepEqual(
    (await readdir(join(broken, "checkpoints"))).sort(),
    (await readdir(join(whole, "checkpoints"))).sort(),
  );
  for (const name of await readdir(broken)) assert.ok(!name.startsWith("."), `${name} is left over`);
  const logged = readMetrics(join(broken, "metrics.jsonl")).filter(({ event }) => event === "step");
  assert.deepEqual(
    logged.map(({ step }) => step),
    Array.from({ length: steps }, (_, i) => i + 1),
  );
  assert.ok(!existsSync(join(broken, "lock.json")), "the lock is given back");
}

/** Rows of metrics.jsonl without their times. */
const rows = (run: string) =>
  readMetrics(join(run, "metrics.jsonl")).map(({ seconds: _, modelSeconds: __, ...row }) => row);
