/** @file Runs the built command line (npm run prepare) and reads when its model ran. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SEG = join(import.meta.dirname, "../../../dist/src/cli/main.js");
const HOOK = join(import.meta.dirname, "model-time.mjs");

/** When a process lived and its model ran: milliseconds of the wall clock. */
export interface ModelTime {
  readonly began: number;
  readonly ended: number;
  /** Number of the session, start, end. */
  readonly runs: readonly (readonly [number, number, number])[];
}

/** Runs `seg ARGS` to its end; throws where it fails. */
export function seg(args: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [built(), ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`seg ${args[0]} ended with ${status}: ${stderr}`);
}

/** Starts `seg ARGS`. */
export const startSeg = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [built(), ...args], { stdio: ["ignore", "ignore", "inherit"] });

/** Runs `seg ARGS` to its end and says when its model ran. */
export function timedSeg(args: readonly string[], notes: string): ModelTime {
  const env = { ...process.env, MODEL_TIME: notes };
  const { status, stderr } = spawnSync(process.execPath, ["--import", HOOK, built(), ...args], {
    env,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`seg ${args[0]} ended with ${status}: ${stderr}`);
  return JSON.parse(readFileSync(notes, "utf8")) as ModelTime;
}

/** Starts and ends of the session that ran most often: a step's gradients, a photo's scores; not what asked the runtime something once. */
export function mainRuns({ runs }: ModelTime): (readonly [number, number])[] {
  const count = new Map<number, number>();
  for (const [session] of runs) count.set(session, (count.get(session) ?? 0) + 1);
  const most = Math.max(...count.values());
  return runs.filter(([session]) => count.get(session) === most).map(([, start, end]) => [start, end] as const);
}

/** Share of [from, to] outside the model's runs, percent; runs may overlap. */
export function outside({ runs }: ModelTime, from: number, to: number): number {
  let [inside, covered] = [0, from];
  for (const [, start, end] of [...runs].sort((a, b) => a[1] - b[1])) {
    const [first, last] = [Math.max(start, covered), Math.min(end, to)];
    if (last <= first) continue;
    inside += last - first;
    covered = last;
  }
  return 100 * (1 - inside / (to - from));
}

function built(): string {
  if (!existsSync(SEG)) throw new Error(`${SEG} is not there; run npm run prepare`);
  return SEG;
}

/** Does work in a folder that is removed afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "speed-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
