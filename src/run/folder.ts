/**
 * @file The run folder: resolved config.yaml, manifest.json, status.json, metrics.jsonl, checkpoints/, plots/, samples/,
 * summary.json and report.html. One process at a time holds its lock.
 */
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { cpus, hostname, platform, totalmem } from "node:os";
import { basename, join } from "node:path";
import { parse, stringify } from "yaml";
import { type TrainConfig, trainConfig } from "../config.js";
import { EXIT, SegError } from "../errors.js";
import { nodeFileSystem, readText, sweepTemporaries, writeFault, writeFileAtomic } from "../files.js";
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
    await nodeFileSystem.makeFolder(join(path, "checkpoints"));
  } catch (error) {
    throw writeFault(path, error);
  }
}

/** Files a run may have before its first checkpoint. */
const OWN = new Set(["checkpoints", "lock.json", "manifest.json", "config.yaml", "status.json", "metrics.jsonl"]);

/** Takes away what a run that never began has left: renamed first to a name that sweeps remove, so that a kill leaves no half of it. */
async function clearCheckpoints(root: string): Promise<void> {
  const aside = join(root, ".last-0");
  for (const name of await readdir(root)) {
    await nodeFileSystem.remove(aside);
    if (name === basename(aside)) continue;
    await nodeFileSystem.rename(join(root, name), aside);
  }
  await nodeFileSystem.remove(aside);
}

/** Whether there is something to go on from: a run that was refused or killed before its first step is simply started again. */
function hasBegun(path: string): boolean {
  return ["last", "previous", ".old-last", "best"].some((kind) => isBeyondStart(join(path, "checkpoints", kind)));
}

/** Both files must say step 0: a turned bit in one of them makes no run look as if it had not begun. */
function isBeyondStart(checkpoint: string): boolean {
  if (!existsSync(checkpoint)) return false;
  const says = (file: string, step: RegExp) =>
    existsSync(join(checkpoint, file)) && step.test(readFileSync(join(checkpoint, file), "utf8"));
  return !(says("progress.json", /^\{"step":0,/) && says("model.json", /^ {2}"step": 0,$/m));
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
  const strangers = (await readdir(path)).filter(
    (name) => !name.startsWith(".") && !OWN.has(name), // ours are of a start that was killed, or refused
  );
  if (strangers.length) {
    throw new SegError(path, `is not empty (${strangers[0]}) and holds no run`, "choose another --out");
  }
  await clearCheckpoints(join(path, "checkpoints"));
  await writeFileAtomic(join(path, "manifest.json"), `${JSON.stringify(manifest(engine), null, 2)}\n`);
  await writeFileAtomic(file, stringify(config));
}

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
