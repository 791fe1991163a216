/**
 * @file `seg train --engine tfjs` follows the onnx engine: losses within 1e-3 (relative), mIoU within 0.005, and the run predicts with either.
 * Through the command line, on a tiny model and tiny photos, with augmentation, clipping and averaged weights.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readIndexed } from "../../src/raster/index.js";
import { TINY, writeTinyData } from "../run/tiny-data.js";
import { seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";

const MODEL = ["--encoder", "resnet-test", "--decoder", "unet", "--decoder.channels", "16,8,8,8,8"];
const RECIPE = ["--steps", "4", "--batch-size", "2", "--size", "32", "--lr", "0.001", "--loss", "ce+dice"];
const EXTRAS = ["--clip", "1", "--ema", "0.9", "--schedule", "one-cycle", "--val-limit", "1"];
const ENGINES = ["onnx", "tfjs"] as const;

interface Row {
  readonly event: string;
  readonly step: number;
  readonly loss?: number;
  readonly mIoU?: number;
}

async function succeed(args: readonly string[]): Promise<void> {
  const { code, stderr } = await seg(args, { timeout: 600_000 });
  assert.equal(code, 0, stderr);
}

async function trainWith(engine: string, data: string, run: string): Promise<Row[]> {
  await succeed(["train", ...MODEL, "--data", data, "--out", run, ...RECIPE, ...EXTRAS, ...TINY, "--engine", engine]);
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

function assertNear(actual: number | undefined, expected: number | undefined, limit: number, what: string): void {
  assert.ok(actual !== undefined && expected !== undefined, `${what} is written`);
  assert.ok(Math.abs(actual - expected) <= limit, `${what}: tfjs ${actual}, onnx ${expected}, ${limit} allowed`);
}

test("the tfjs engine trains as the onnx engine does, and predicts", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const runs = ENGINES.map((engine) => join(folder, engine));
    const [onnx, tfjs] = await Promise.all(ENGINES.map((engine, i) => trainWith(engine, data, runs[i])));
    assert.deepEqual(
      tfjs.map(({ event, step }) => [event, step]),
      onnx.map(({ event, step }) => [event, step]),
    );
    const steps = onnx.filter(({ event }) => event === "step");
    assert.equal(steps.length, 4);
    for (const [i, { event, step, loss, mIoU }] of onnx.entries()) {
      if (event === "step") assertNear(tfjs[i].loss, loss, 1e-3 * (loss ?? 0), `loss of step ${step}`);
      else assertNear(tfjs[i].mIoU, mIoU, 0.005, `mIoU after step ${step}`);
    }
    assert.match(readFileSync(join(runs[1], "config.yaml"), "utf8"), /engine: tfjs/);

    const photo = join(data, "images/val/val-0.png");
    const maps = ENGINES.map((engine) => join(folder, `${engine}.png`));
    await Promise.all(
      ENGINES.map((engine, i) => succeed(["predict", photo, "--model", runs[1], "--out", maps[i], "--engine", engine])),
    );
    const [a, b] = await Promise.all(maps.map(async (path) => (await readIndexed(path)).data));
    const different = a.filter((value, i) => value !== b[i]).length;
    assert.ok(different <= a.length / 1000, `${different} of ${a.length} pixels differ`);
  }));
