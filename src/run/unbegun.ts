/** @file What lies in a run folder before a run's first step, and what there is somebody else's, which no run touches. */
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { SegError } from "../errors.js";
import { nodeFileSystem, TEMPORARY } from "../files.js";
import { CHECKPOINTS } from "./model-file.js";

/** Names of ours in the folder before the manifest stands, and from then to the first checkpoint. */
const CLAIMED: readonly string[] = [CHECKPOINTS, "lock.json", "lock.json.breaking"];
const STARTED: readonly string[] = [...CLAIMED, "manifest.json", "config.yaml", "status.json", "metrics.jsonl"];
const OWN_CHECKPOINT = /^(last|previous|best|frozen\.safetensors|\.(last|best)-\d+|\.old-(last|best))$/;

/** Whether there is something to go on from: a run that was refused or killed before its first step is simply started again. */
export function hasBegun(path: string): boolean {
  return ["last", "previous", ".old-last", "best"].some((kind) => isBeyondStart(join(path, CHECKPOINTS, kind)));
}

/** Both files must say step 0: a turned bit in one of them makes no run look as if it had not begun. */
function isBeyondStart(checkpoint: string): boolean {
  if (!existsSync(checkpoint)) return false;
  return !(says(join(checkpoint, "progress.json"), /^\{"step":0,/) && says(join(checkpoint, "model.json"), STEP_0));
}

const STEP_0 = /^ {2}"step": 0,$/m;
const says = (file: string, words: RegExp) => existsSync(file) && words.test(readFileSync(file, "utf8"));

/** Rejects with SegError where a run would start in a folder that holds anything a start of ours does not leave. */
export async function refuseStrangers(path: string): Promise<void> {
  const isOurs = says(join(path, "manifest.json"), /"software": "sam-seg /); // it stands before anything else of a run
  const own = isOurs ? STARTED : CLAIMED;
  const beside = (await namesIn(path)).filter((name) => !name.startsWith(".") && !own.includes(name));
  const within = (await namesIn(join(path, CHECKPOINTS))).filter((name) => !(isOurs && isOwnCheckpoint(name)));
  const [stranger] = [...beside, ...within.map((name) => join(CHECKPOINTS, name))];
  if (stranger) throw new SegError(path, `is not empty (${stranger}) and holds no run`, "choose another --out");
}

const isOwnCheckpoint = (name: string) => OWN_CHECKPOINT.test(name) || TEMPORARY.test(name);

/** None where there is no such folder; a file in its place is refused when the folder is made. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Takes away what a run that never began has left: renamed first to a name that sweeps remove, so that a kill leaves no half of it. */
export async function clearCheckpoints(path: string): Promise<void> {
  const root = join(path, CHECKPOINTS);
  const aside = join(root, ".last-0");
  for (const name of (await readdir(root)).filter(isOwnCheckpoint)) {
    await nodeFileSystem.remove(aside);
    if (name === basename(aside)) continue;
    await nodeFileSystem.rename(join(root, name), aside);
  }
  await nodeFileSystem.remove(aside);
}
