/**
 * @file From `seg train` to the line of its first step, SAM ViT-B with weights from a file, frozen, its embeddings cached, batch 1. Says the whole
 * time, what of it passed before the step began, and the peak of the process. usage: tsx first-step.ts [--warm-up N] [--repeats N] [--threads N]
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { encoders } from "../../../src/catalog.js";
import * as g from "../../../src/graph/functions.js";
import { initialise, recordScope } from "../../../src/scope.js";
import { writeSafetensors } from "../../../src/weights/safetensors.js";
import { programArguments, say } from "../protocol.js";
import { inFolder, seg, startSeg } from "./command.js";
import { CLASSES, writePhotos } from "./photos.js";

const ENCODER = "sam-vit-b";
const { warmUp, repeats, threads } = programArguments({});
await inFolder(async (folder) => {
  const weights = join(folder, "encoder.safetensors");
  await writeWeights(weights);
  await writePhotos(folder, 2);
  const common = [
    "--data",
    folder,
    "--classes",
    CLASSES,
    "--encoder",
    ENCODER,
    "--encoder-weights",
    weights,
    "--tune",
    "frozen",
  ];
  const args = [...common, "--cache", join(folder, "cache"), "--batch-size", 1, "--threads", threads].map(String);
  seg(["train", ...args, "--steps", "1", "--out", join(folder, "fill")]);
  for (let i = 0; i < warmUp + repeats; i++) {
    const found = await firstStep(
      ["train", ...args, "--steps", "1000", "--out", join(folder, `run${i}`)],
      join(folder, `run${i}`),
    );
    if (i >= warmUp) say(found);
  }
});

async function firstStep(args: readonly string[], out: string) {
  const began = performance.now();
  const child = startSeg(args);
  const ended = once(child, "exit");
  try {
    const step = await stepLine(join(out, "metrics.jsonl"), child);
    const seconds = (performance.now() - began) / 1000;
    return { seconds, peakBytes: peakOf(child.pid as number), figures: { before: seconds - step.seconds } };
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

/** The first step's row of metrics.jsonl, as soon as it is there. */
async function stepLine(metrics: string, child: ChildProcess): Promise<{ seconds: number }> {
  for (;;) {
    const line = existsSync(metrics) ? readFileSync(metrics, "utf8").match(/^.*"event":"step".*\n/m)?.[0] : undefined;
    if (line) return JSON.parse(line);
    if (child.exitCode !== null) throw new Error(`seg train ended with ${child.exitCode} before its first step`);
    await wait(10);
  }
}

function peakOf(pid: number): number {
  const kilobytes = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
  return Number(kilobytes) * 1024;
}

/** Seeded random weights under the encoder's own names. */
async function writeWeights(path: string): Promise<void> {
  const encoder = encoders.get(ENCODER);
  const recording = recordScope({ training: false });
  const side = encoder.input.size as number;
  encoder.forward(recording.scope, g.input("image", [1, encoder.input.bands, side, side]));
  await writeSafetensors(path, initialise(recording.slots, 0), {});
}
