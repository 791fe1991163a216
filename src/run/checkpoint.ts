/**
 * @file Checkpoints of a run: `checkpoints/last`, `best`, `previous`, each a whole folder that appears by rename.
 * A kill at any moment leaves at least one that loads; a damaged one falls back to the one before.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorLine, SegError } from "../errors.js";
import { readJson, sha256File, syncFolder, writeFileAtomic } from "../files.js";
import { openSafetensors, writeSafetensors } from "../weights/safetensors.js";
import type { StateDict } from "../weights/state.js";
import { type ModelCard, parseCard } from "./card.js";

/** What a resumed run needs beside the weights. */
export interface Progress {
  readonly step: number;
  readonly best: { readonly step: number; readonly score: number } | null;
  readonly validationsWithoutBest: number;
}

export interface Checkpoint {
  readonly card: ModelCard;
  /** Trained parameters and buffers. */
  readonly state: StateDict;
  /** Optimizer slots (`slot/NAME`) and averaged weights (`ema/NAME`). */
  readonly optimizer: StateDict;
  readonly progress: Progress;
}

const CARD_KEY = "sam-seg";
const folderOf = (run: string) => join(run, "checkpoints");

/** Writes `checkpoints/<kind>`; for `last`, the one before becomes `previous`. */
export async function saveCheckpoint(run: string, kind: "last" | "best", checkpoint: Checkpoint): Promise<void> {
  const root = folderOf(run);
  const fresh = join(root, `.${kind}-${String(checkpoint.progress.step).padStart(9, "0")}`);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  const card = JSON.stringify(checkpoint.card);
  await writeSafetensors(join(fresh, "model.safetensors"), checkpoint.state, { [CARD_KEY]: card });
  if (kind === "last") {
    await writeSafetensors(join(fresh, "optimizer.safetensors"), checkpoint.optimizer, {});
  }
  await writeFileAtomic(join(fresh, "model.json"), `${JSON.stringify(checkpoint.card, null, 2)}\n`);
  await writeFileAtomic(join(fresh, "progress.json"), `${JSON.stringify(checkpoint.progress)}\n`); // last: marks it whole
  await putInPlace(root, fresh, kind);
}

async function putInPlace(root: string, fresh: string, kind: "last" | "best"): Promise<void> {
  const target = join(root, kind);
  const old = kind === "last" ? join(root, "previous") : join(root, ".old-best");
  await rm(old, { recursive: true, force: true });
  if (existsSync(target)) await rename(target, old);
  await rename(fresh, target);
  await syncFolder(root);
  if (kind === "best") await rm(old, { recursive: true, force: true });
}

/** The newest whole checkpoint to resume from, or undefined; `warn` hears of damaged ones. */
export async function loadLatest(run: string, warn: (line: string) => void): Promise<Checkpoint | undefined> {
  const root = folderOf(run);
  if (!existsSync(root)) return undefined;
  const names = (await readdir(root)).filter((name) => /^(last|previous|\.last-\d+)$/.test(name));
  const whole = names.filter((name) => existsSync(join(root, name, "progress.json")));
  const steps = await Promise.all(whole.map((name) => stepOf(join(root, name), warn)));
  const order = whole.map((name, i) => ({ name, step: steps[i] })).sort((a, b) => b.step - a.step);
  for (const { name } of order) {
    try {
      return await readCheckpoint(join(root, name));
    } catch (error) {
      if (!(error instanceof SegError)) throw error;
      warn(`${errorLine(error)} (going back to the checkpoint before)`);
    }
  }
  return undefined;
}

async function stepOf(folder: string, warn: (line: string) => void): Promise<number> {
  try {
    return ((await readJson(join(folder, "progress.json"))) as Progress).step;
  } catch (error) {
    if (!(error instanceof SegError)) throw error;
    warn(errorLine(error));
    return -1;
  }
}

async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const { card, state } = await readModelFile(join(folder, "model.safetensors"));
  const optimizer = await readAll(join(folder, "optimizer.safetensors"));
  const progress = (await readJson(join(folder, "progress.json"))) as Progress;
  return { card, state, optimizer, progress };
}

/** Removes what a killed save left behind. */
export async function sweepCheckpoints(run: string): Promise<void> {
  const root = folderOf(run);
  if (!existsSync(root)) return;
  const stale = (await readdir(root)).filter((name) => /^\.(last|best)-\d+$|^\.old-best$/.test(name));
  if (!existsSync(join(root, "best")) && existsSync(join(root, ".old-best"))) {
    await rename(join(root, ".old-best"), join(root, "best"));
  }
  for (const name of stale) await rm(join(root, name), { recursive: true, force: true });
}

/** A model file with its card; frozen weights kept elsewhere in the run are joined in. */
export async function readModelFile(path: string): Promise<{ card: ModelCard; state: StateDict }> {
  const file = await openSafetensors(path);
  const text = file.metadata[CARD_KEY];
  await file.close();
  if (text === undefined) {
    throw new SegError(
      path,
      "has no sam-seg model card",
      "put a YAML file of the same name beside it (docs/models.md), or give a run folder",
    );
  }
  const card = parseCard(text, path);
  const state = await readAll(path);
  if (!card.frozen) return { card, state };
  const frozenPath = join(path, "..", "..", card.frozen.file);
  if (!existsSync(frozenPath)) {
    throw new SegError(
      path,
      `its frozen weights ${card.frozen.file} are not beside it`,
      "keep the run folder together, or use seg export",
    );
  }
  for (const [name, value] of await readAll(frozenPath)) state.set(name, value);
  return { card, state };
}

/** Writes the weights training never changes once; returns what the card says of them. */
export async function saveFrozen(run: string, state: StateDict): Promise<{ file: string; sha256: string }> {
  const file = "frozen.safetensors";
  const path = join(folderOf(run), file);
  await mkdir(folderOf(run), { recursive: true });
  await writeSafetensors(path, state, {});
  return { file, sha256: await sha256File(path) };
}

/** Every tensor of a safetensors file. */
export async function readAll(path: string): Promise<StateDict> {
  const file = await openSafetensors(path);
  try {
    const state: StateDict = new Map();
    for (const name of file.names()) state.set(name, await file.read(name));
    return state;
  } finally {
    await file.close();
  }
}
