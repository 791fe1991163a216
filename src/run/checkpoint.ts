/**
 * @file Checkpoints of a run: `checkpoints/last`, `best`, `previous`, each a whole folder that appears by rename.
 * A kill at any moment leaves at least one that loads; a damaged one falls back to the one before.
 */
import { existsSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errorLine, SegError } from "../errors.js";
import { type FileSystem, nodeFileSystem, syncFolder, writeFault, writeFileAtomic } from "../files.js";
import { damaged } from "../weights/reading.js";
import { writeSafetensors } from "../weights/safetensors.js";
import type { StateDict } from "../weights/state.js";
import type { ModelCard } from "./card.js";
import { CARD_KEY, CHECKPOINTS, readModelFile, readWeightFile } from "./model-file.js";

const count = z.number().int().nonnegative();

const progressSchema = z.strictObject({
  step: count,
  best: z.strictObject({ step: count, score: z.number() }).nullable(),
  validationsWithoutBest: count,
  /** Step of the last validation: one that a signal cut short is made up for. */
  validated: count,
  /** Steps in a row that were not finite. */
  notFinite: count,
});

/** What a resumed run needs beside the weights. */
export type Progress = Readonly<z.infer<typeof progressSchema>>;

/** Before the first step. */
export const START: Progress = { step: 0, best: null, validationsWithoutBest: 0, validated: 0, notFinite: 0 };

export interface Checkpoint {
  readonly card: ModelCard;
  /** Trained parameters and buffers. */
  readonly state: StateDict;
  /** Optimizer slots (`slot/NAME`) and averaged weights (`ema/NAME`). */
  readonly optimizer: StateDict;
  readonly progress: Progress;
}

/** Progress travels in the optimizer's metadata, under its checksum; progress.json is for people. */
const PROGRESS_KEY = "sam-seg.progress";
const folderOf = (run: string) => join(run, CHECKPOINTS);

/** Writes `checkpoints/<kind>`; for `last`, the one before becomes `previous`. Rejects, with the old ones in place, where the disk fails. */
export async function saveCheckpoint(
  run: string,
  kind: "last" | "best",
  checkpoint: Checkpoint,
  system: FileSystem = nodeFileSystem,
): Promise<void> {
  const root = folderOf(run);
  const fresh = join(root, `.${kind}-${String(checkpoint.progress.step).padStart(9, "0")}`);
  try {
    await system.remove(fresh);
    await system.makeFolder(fresh);
    await fillFolder(fresh, kind, checkpoint, system);
    await putInPlace(root, fresh, kind, system);
  } catch (error) {
    await system.remove(fresh).catch(() => {}); // the first fault is the one to tell; a sweep takes what stays
    throw writeFault(join(root, kind), error);
  }
}

async function fillFolder(
  fresh: string,
  kind: "last" | "best",
  { card, state, optimizer, progress }: Checkpoint,
  system: FileSystem,
): Promise<void> {
  await writeSafetensors(join(fresh, "model.safetensors"), state, { [CARD_KEY]: JSON.stringify(card) }, system);
  if (kind === "last") {
    const metadata = { [PROGRESS_KEY]: JSON.stringify(progress) };
    await writeSafetensors(join(fresh, "optimizer.safetensors"), optimizer, metadata, system);
  }
  await writeFileAtomic(join(fresh, "model.json"), `${JSON.stringify(card, null, 2)}\n`, system);
  await writeFileAtomic(join(fresh, "progress.json"), `${JSON.stringify(progress)}\n`, system);
}

/** The one before is removed only when the new one stands in its place. */
async function putInPlace(root: string, fresh: string, kind: "last" | "best", system: FileSystem): Promise<void> {
  const target = join(root, kind);
  const old = join(root, `.old-${kind}`);
  await system.remove(old);
  if (existsSync(target)) await system.rename(target, old);
  await system.rename(fresh, target);
  await syncFolder(root, system);
  if (kind === "best") return system.remove(old);
  await system.remove(join(root, "previous"));
  if (existsSync(old)) await system.rename(old, join(root, "previous"));
}

/**
 * The newest whole checkpoint to resume from, undefined where none was ever written; `warn` hears of damaged ones.
 * Rejects with SegError when all are damaged.
 */
export async function loadLatest(run: string, warn: (line: string) => void): Promise<Checkpoint | undefined> {
  const kinds = ["last", "previous"].filter((kind) => existsSync(join(folderOf(run), kind)));
  for (const [i, kind] of kinds.entries()) {
    try {
      return await readCheckpoint(join(folderOf(run), kind));
    } catch (error) {
      if (!(error instanceof SegError)) throw error;
      if (i === kinds.length - 1) {
        throw new SegError(run, `has no checkpoint to go on from (${errorLine(error)})`, "start a new run");
      }
      warn(`${errorLine(error)} (going back to the checkpoint before)`);
    }
  }
  return undefined;
}

async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const { card, state } = await readModelFile(join(folder, "model.safetensors"), { checked: true });
  const path = join(folder, "optimizer.safetensors");
  const { metadata, state: optimizer } = await readWeightFile(path, { checked: true });
  return { card, state, optimizer, progress: parseProgress(metadata[PROGRESS_KEY], path) };
}

function parseProgress(text: string | undefined, path: string): Progress {
  try {
    return progressSchema.parse(JSON.parse(text ?? ""));
  } catch (error) {
    throw damaged(path, "does not say how far the run was", error);
  }
}

/** Puts back what a killed save had moved aside, and removes what it left behind. */
export async function sweepCheckpoints(run: string): Promise<void> {
  const root = folderOf(run);
  if (!existsSync(root)) return;
  for (const kind of ["last", "best"]) {
    const [target, old] = [join(root, kind), join(root, `.old-${kind}`)];
    if (existsSync(old) && !existsSync(target)) await rename(old, target);
    if (existsSync(old) && kind === "last" && !existsSync(join(root, "previous"))) {
      await rename(old, join(root, "previous"));
    }
  }
  const stale = (await readdir(root)).filter((name) => /^\.(last|best)-\d+$|^\.old-(last|best)$/.test(name));
  for (const name of stale) await rm(join(root, name), { recursive: true, force: true });
}
