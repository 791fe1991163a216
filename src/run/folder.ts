/**
 * @file The run folder: resolved config.yaml, manifest.json, status.json, metrics.jsonl, checkpoints/, plots/, samples/,
 * summary.json and report.html. One process at a time holds its lock.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { cpus, hostname, platform, totalmem } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type TrainConfig, trainConfig } from "../config.js";
import { SegError } from "../errors.js";
import { sweepTemporaries, writeFileAtomic } from "../files.js";
import { acquireLock } from "../lock.js";
import { software } from "../version.js";

export interface RunFolder {
  readonly path: string;
  readonly metrics: string;
  status(state: "running" | "done" | "failed" | "stopped", last: string): Promise<void>;
  release(): Promise<void>;
}

/** Fields of the configuration that may change on --resume without changing what is computed. */
const FREE = new Set(["resume", "force", "threads", "out", "data", "saveEvery", "cache", "device"]);

/** Makes or reopens the folder of a run and takes its lock. */
export async function openRun(config: TrainConfig, describeEngine: string): Promise<RunFolder> {
  const path = config.out;
  await mkdir(join(path, "checkpoints"), { recursive: true });
  const release = await acquireLock(path, { force: config.force });
  try {
    await prepare(path, config, describeEngine);
  } catch (error) {
    await release();
    throw error;
  }
  return {
    path,
    metrics: join(path, "metrics.jsonl"),
    release,
    status: (state, last) =>
      writeFileAtomic(
        join(path, "status.json"),
        `${JSON.stringify({ state, pid: process.pid, last, at: new Date().toISOString() })}\n`,
      ),
  };
}

async function prepare(path: string, config: TrainConfig, engine: string): Promise<void> {
  const file = join(path, "config.yaml");
  await sweepTemporaries(path);
  if (existsSync(file)) {
    if (!config.resume) {
      throw new SegError(path, "holds a run already", "go on with --resume, or choose another --out");
    }
    refuseChanges(file, parseConfig(await readFile(file, "utf8"), file), config);
    return;
  }
  const strangers = (await readdir(path)).filter(
    (name) => name !== "checkpoints" && !name.startsWith(".") && name !== "lock.json",
  );
  if (strangers.length) {
    throw new SegError(path, `is not empty (${strangers[0]}) and holds no run`, "choose another --out");
  }
  await writeFileAtomic(join(path, "manifest.json"), `${JSON.stringify(manifest(engine), null, 2)}\n`);
  await writeFileAtomic(file, stringify(config));
}

/** The configuration a run was started with. */
export async function readRunConfig(run: string): Promise<TrainConfig> {
  const file = join(run, "config.yaml");
  if (!existsSync(file))
    throw new SegError(run, "is not a run folder (no config.yaml)", "give the folder seg train wrote");
  return parseConfig(await readFile(file, "utf8"), file);
}

function parseConfig(text: string, file: string): TrainConfig {
  const parsed = trainConfig.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  throw new SegError(file, `is damaged: ${parsed.error.issues[0].message}`, "start a new run");
}

function refuseChanges(file: string, before: TrainConfig, now: TrainConfig): void {
  for (const key of Object.keys(trainConfig.shape) as (keyof TrainConfig)[]) {
    if (FREE.has(key)) continue;
    const [was, is] = [JSON.stringify(before[key]), JSON.stringify(now[key])];
    if (was !== is) {
      throw new SegError(
        file,
        `the run was started with ${key} ${was}, now it is ${is}`,
        "resume with the same options, or start a new run",
      );
    }
  }
}

function manifest(engine: string): Record<string, unknown> {
  const [cpu] = cpus();
  return {
    software,
    engine,
    node: process.version,
    platform: `${platform()} ${process.arch}`,
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    host: hostname(),
    command: process.argv.slice(2),
    started: new Date().toISOString(),
  };
}
