/**
 * @file The training step side by side with the spike it grew from: time against DW=cat, peak memory against DW=slices.
 *
 * usage: tsx bench/step/index.ts --spike FOLDER [--rounds 3] [--out bench/results]
 * FOLDER holds step.mjs and graph.mjs, and resolves onnxruntime-node and onnx-proto (npm i onnx-proto there).
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeResults } from "../results.js";

const { values } = parseArgs({
  options: {
    spike: { type: "string" },
    rounds: { type: "string", default: "3" },
    out: { type: "string", default: "bench/results" },
  },
});
if (!values.spike) throw new Error("give --spike, the folder of step.mjs");

interface Measured {
  readonly seconds: number[];
  readonly losses: number[];
  readonly peak: number;
}

const WARM_UP = 2;
const peakHook = ["--import", join(import.meta.dirname, "peak.mjs")];

function measure(args: readonly string[], env: Record<string, string>): Measured {
  const run = spawnSync(process.execPath, [...peakHook, ...args], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  const steps = [...run.stdout.matchAll(/^step \d+ (\S+) (\S+)/gm)];
  const peak = Number(run.stderr.match(/^peak (\S+)$/m)?.[1]);
  return {
    seconds: steps.slice(WARM_UP).map((step) => Number(step[2])),
    losses: steps.map((step) => Number(step[1])),
    peak,
  };
}

const spike = join(values.spike, "step.mjs");
const ours = ["--import", "tsx", join(import.meta.dirname, "ours.ts")];
const contenders: Record<string, () => Measured> = {
  ours: () => measure(ours, {}),
  "spike DW=cat": () => measure([spike], { DW: "cat" }),
  "spike DW=slices": () => measure([spike], { DW: "slices" }),
};
const found: Record<string, Measured[]> = {};
for (let round = 0; round < Number(values.rounds); round++)
  for (const [name, run] of Object.entries(contenders)) {
    found[name] ??= [];
    found[name].push(run());
  }

const median = (items: readonly number[]) => [...items].sort((a, b) => a - b)[Math.floor(items.length / 2)];
const seconds = (name: string) => median(found[name].flatMap((run) => run.seconds));
const peak = (name: string) => Math.max(...found[name].map((run) => run.peak));
const furthest = Math.max(
  ...found.ours[0].losses.map((loss, i) => Math.abs(loss - found["spike DW=cat"][0].losses[i]) / loss),
);
await writeResults(values.out, "step", {
  title: "One UNet training step, 64x64x256 embedding to 1024x1024, batch 1, against the spike",
  columns: ["", "s/step (median)", "peak GB"],
  rows: Object.keys(contenders).map((name) => [name, seconds(name).toFixed(3), peak(name).toFixed(2)]),
  remarks: [
    `time: ${(seconds("ours") / seconds("spike DW=cat")).toFixed(3)} x DW=cat`,
    `peak memory: ${(peak("ours") / peak("spike DW=slices")).toFixed(3)} x DW=slices`,
    `losses over 8 steps differ by at most ${furthest.toExponential(1)} relative`,
  ],
  details: found,
});
