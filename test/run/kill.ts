/** @file Runs of the command line that are killed at chosen moments: between steps, while a checkpoint is saved, while embeddings are written. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, type WatchListener, watch } from "node:fs";
import { join } from "node:path";
import { generator } from "../../src/random.js";

const REPOSITORY = join(import.meta.dirname, "../..");

/** When to send the signal: `at` is the step (or the number of embeddings) that must have been reached. */
export interface Moment {
  readonly kind: "step" | "save" | "embedding";
  readonly at: number;
  /** Milliseconds after it. */
  readonly delay: number;
}

/** `count` moments in ascending order over `steps` steps; every second one lies within a save. */
export function moments(seed: number, count: number, steps: number): Moment[] {
  const random = generator(seed, "kill");
  const at = Array.from({ length: count }, () => random.integer(steps - 1)).sort((a, b) => a - b);
  return at.map((step, i) =>
    i % 2 === 0
      ? { kind: "step", at: step, delay: random.integer(40) }
      : { kind: "save", at: step, delay: random.integer(6) },
  );
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Starts `seg` as a child process. */
export function startSeg(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const command = ["--import", "tsx", join(REPOSITORY, "src/cli/main.ts"), ...args];
  const child = spawn(process.execPath, command, { cwd: REPOSITORY, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stderr }));
  });
  return { child, ended };
}

/** Runs `seg` and sends signals (SIGKILL where none is named) at the moment; without one it runs to its end. */
export async function runUntil(
  args: readonly string[],
  run: string,
  moment?: Moment,
  ...signals: readonly NodeJS.Signals[]
): Promise<Ended> {
  mkdirSync(join(run, "checkpoints"), { recursive: true });
  const { child, ended } = startSeg(args);
  if (!moment) return ended;
  const send = () => {
    for (const signal of signals.length ? signals : (["SIGKILL"] as const)) child.kill(signal);
  };
  const stop = whenReached(run, moment, () => setTimeout(send, moment.delay));
  try {
    return await ended;
  } finally {
    stop();
  }
}

/** Calls `then` once the moment has come; returns what ends the watch. */
function whenReached(run: string, moment: Moment, then: () => void): () => void {
  let done = false;
  const fire = () => {
    if (done) return;
    done = true;
    then();
  };
  if (moment.kind === "save") {
    const see: WatchListener<string> = (_event, name) => {
      if (Number(/^\.last-(\d+)$/.exec(name ?? "")?.[1] ?? -1) >= moment.at) fire();
    };
    const watcher = watch(join(run, "checkpoints"), see);
    return () => watcher.close();
  }
  const count = moment.kind === "step" ? () => stepsLogged(run) : () => embeddingsWritten(run);
  const timer = setInterval(() => {
    if (count() >= moment.at) fire();
  }, 3);
  return () => clearInterval(timer);
}

function stepsLogged(run: string): number {
  const path = join(run, "metrics.jsonl");
  if (!existsSync(path)) return -1;
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.includes('"step"')).length;
}

function embeddingsWritten(run: string): number {
  const cache = join(run, "../.embeddings");
  return existsSync(cache) ? readdirSync(cache, { recursive: true }).length : -1;
}
