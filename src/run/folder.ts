/**
 * @file The run folder: resolved config.yaml, manifest.json, status.json, metrics.jsonl, checkpoints/, plots/, samples/,
 * summary.json and report.html. One process at a time holds its lock.
 */
import { existsSync } from "node:fs";
import { cpus, hostname, platform, totalmem } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { type TrainConfig, trainConfig } from "../config.js";
import { EXIT, SegError } from "../errors.js";
import { nodeFileSystem, readText, sweepTemporaries, writeFault, writeFileAtomic } from "../files.js";
import { acquireLock } from "../lock.js";
import { software } from "../version.js";
import { CHECKPOINTS } from "./model-file.js";
import { clearCheckpoints, hasBegun, refuseStrangers } from "./unbegun.js";

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
  if (!hasBegun(path)) await refuseStrangers(path); // before anything is made: such a folder stays as it was
  await makeRunFolder(path);
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

async function makeRunFolder(path: string): Promise<void> {
  try {
    await nodeFileSystem.makeFolder(join(path, CHECKPOINTS));
  } catch (error) {
    throw writeFault(path, error);
  }
}

async function prepare(path: string, config: TrainConfig, engine: string): Promise<void> {
  const file = join(path, "config.yaml");
  await sweepTemporaries(path);
  if (hasBegun(path)) {
    if (!existsSync(file)) {
      throw new SegError(path, "holds checkpoints but no config.yaml", "restore it, or choose another --out");
    }
    if (!config.resume) {
      throw new SegError(path, "holds a run already", "go on with --resume, or choose another --out");
    }
    refuseChanges(file, parseConfig(await readText(file), file), config);
    return;
  }
  await clearCheckpoints(path);
  await writeFileAtomic(join(path, "manifest.json"), `${JSON.stringify(manifest(engine), null, 2)}\n`);
  await writeFileAtomic(file, stringify(config));
}

/** Whether a folder holds the configuration of a run. */
export const isRun = (path: string): boolean => existsSync(join(path, "config.yaml"));

/** The configuration a run was started with. */
export async function readRunConfig(run: string): Promise<TrainConfig> {
  const file = join(run, "config.yaml");
  if (!existsSync(file))
    throw new SegError(run, "is not a run folder (no config.yaml)", "give the folder seg train wrote");
  return parseConfig(await readText(file), file);
}

function parseConfig(text: string, file: string): TrainConfig {
  const parsed = trainConfig.safeParse(parseYaml(text, file));
  if (parsed.success) return parsed.data;
  const [{ path, message }] = parsed.error.issues;
  throw new SegError(file, `is damaged at ${path.join(".") || "the top"}: ${message}`, "start a new run");
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch (error) {
    throw new SegError(file, "is damaged: it is no YAML", "start a new run", EXIT.usage, { cause: error });
  }
}

function refuseChanges(file: string, before: TrainConfig, now: TrainConfig): void {
  for (const key of Object.keys(trainConfig.shape) as (keyof TrainConfig)[]) {
    if (FREE.has(key)) continue;
    const [was, is] = [JSON.stringify(before[key]), JSON.stringify(now[key])];
    if (was !== is) {
      throw new SegError(
        file,
        `the run was started with ${key} ${was ?? "not given"}, now it is ${is ?? "not given"}`,
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
