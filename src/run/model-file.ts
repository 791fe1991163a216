/** @file Model files of a run: weights with the card that says what they are, and the frozen weights kept once beside the checkpoints. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SegError } from "../errors.js";
import { sha256File } from "../files.js";
import { CHECKSUMS } from "../weights/checksums.js";
import { damaged } from "../weights/reading.js";
import { openSafetensors, writeSafetensors } from "../weights/safetensors.js";
import type { StateDict } from "../weights/state.js";
import { type ModelCard, parseCard } from "./card.js";

/** Metadata key of the card. */
export const CARD_KEY = "sam-seg";
/** Folder of a run's checkpoints. */
export const CHECKPOINTS = "checkpoints";

/** How a file of weights is read: `checked` refuses one without checksums, as all of ours have them. */
export interface ReadOptions {
  readonly checked?: boolean;
}

/** A model file with its card; frozen weights kept elsewhere in the run are joined in. */
export async function readModelFile(
  path: string,
  options: ReadOptions = {},
): Promise<{ card: ModelCard; state: StateDict }> {
  const { metadata, state } = await readWeightFile(path, options, (found) => {
    if (found[CARD_KEY] !== undefined) return;
    throw new SegError(
      path,
      "has no sam-seg model card",
      "put a YAML file of the same name beside it (docs/models.md), or give a run folder",
    );
  });
  const card = parseCard(metadata[CARD_KEY], path);
  if (card.frozen) for (const [name, value] of await readFrozen(path, card.frozen)) state.set(name, value);
  return { card, state };
}

async function readFrozen(path: string, frozen: NonNullable<ModelCard["frozen"]>): Promise<StateDict> {
  const file = join(path, "..", "..", frozen.file);
  if (!existsSync(file)) {
    throw new SegError(
      path,
      `its frozen weights ${frozen.file} are not beside it`,
      "keep the run folder together, or use seg export",
    );
  }
  if ((await sha256File(file)) !== frozen.sha256) {
    throw new SegError(file, "is not the file this run was trained with (SHA-256)", "restore it, or train again");
  }
  return (await readWeightFile(file)).state;
}

/** The frozen weights of a run as its cards name them; `whole` is awaited before a card is written. */
export interface SavedFrozen {
  readonly card: { readonly file: string; readonly sha256: string };
  /** Resolves once the file is on the disk under its name. */
  readonly whole: Promise<void>;
}

/** Writes the weights training never changes, once. Resolves when all is handed to the system, which takes its time to store it. */
export async function saveFrozen(run: string, state: StateDict): Promise<SavedFrozen> {
  const file = "frozen.safetensors";
  await mkdir(join(run, CHECKPOINTS), { recursive: true });
  return new Promise((resolve, reject) => {
    const written = (sha256: string) => resolve({ card: { file, sha256 }, whole });
    const whole = writeSafetensors(join(run, CHECKPOINTS, file), state, {}, undefined, written);
    whole.catch(reject); // before `written`; after it, whoever awaits `whole` hears of it
  });
}

/** Every tensor of a safetensors file; `see` may refuse its metadata before they are read. */
export async function readWeightFile(
  path: string,
  { checked = false }: ReadOptions = {},
  see: (metadata: Readonly<Record<string, string>>) => void = () => {},
): Promise<{ metadata: Readonly<Record<string, string>>; state: StateDict }> {
  const file = await openSafetensors(path);
  try {
    if (checked && file.metadata[CHECKSUMS] === undefined) throw damaged(path, "has lost its checksums");
    see(file.metadata);
    const state: StateDict = new Map();
    for (const name of file.names()) state.set(name, await file.read(name));
    return { metadata: file.metadata, state };
  } finally {
    await file.close();
  }
}
