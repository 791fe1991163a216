/**
 * @file The work folder of a scene that is being mapped, `OUT.tif.work`: a manifest of everything the pixels depend on, and a journal with a line for every
 * row of windows that is safely on disk. A run that was killed goes on from there and ends with the same bytes.
 */
import { existsSync } from "node:fs";
import { open, readFile, rename, rm, stat, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { SpoolCommit } from "../cog/index.js";
import { SegError } from "../errors.js";
import { makeFolder, syncFolder, temporaryBeside, writeFault, writeFileAtomic } from "../files.js";
import type { SeamSums } from "./seam.js";

/** Raised when the form of manifest or journal changes. */
const VERSION = 1;

/** The work folder of an output. */
export const workFolder = (output: string): string => `${output}.work`;

const block = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const line = z.strictObject({
  row: z.number(),
  spools: z.array(z.strictObject({ length: z.number(), blocks: z.array(block) })),
  seam: z.strictObject({ joints: z.number(), jointPairs: z.number(), others: z.number(), otherPairs: z.number() }),
  skipped: z.number(),
  failed: z.array(z.number()),
  seconds: z.number(),
});

/** A finished row of windows: what was added to each spool, and what the run's summary needs. */
export interface JournalLine {
  readonly row: number;
  readonly spools: readonly SpoolCommit[];
  readonly seam: SeamSums;
  /** Windows without data. */
  readonly skipped: number;
  /** Columns of windows that failed and were marked. */
  readonly failed: readonly number[];
  readonly seconds: number;
}

/** What the pixels of an output depend on, by name. */
export type Manifest = Readonly<Record<string, unknown>>;

const manifestForm = z.strictObject({
  version: z.number(),
  rows: z.number(),
  parameters: z.record(z.string(), z.unknown()),
});

/** State of a work folder: rows of windows in all, and those finished. */
export interface WorkState {
  readonly rows: number;
  readonly lines: readonly JournalLine[];
}

const manifestOf = (folder: string) => join(folder, "manifest.json");
/** The journal of a work folder. */
const journalOf = (folder: string): string => join(folder, "journal.jsonl");

/** How a work folder is taken up. */
export interface BeginOptions {
  /** Discards what is there. */
  readonly restart: boolean;
  /** Rows with windows that failed count as finished; else they are run again. */
  readonly keepFailed: boolean;
}

/**
 * Makes or continues a work folder, whose lock the caller holds. Rejects with SegError, naming the field, where it was begun from another input or with other
 * parameters and is not to be discarded.
 */
export async function beginWork(
  folder: string,
  parameters: Manifest,
  rows: number,
  { restart, keepFailed }: BeginOptions,
): Promise<WorkState> {
  if (restart || !hasWork(folder)) await discard(folder); // a journal without its manifest is nobody's
  const found = await readManifest(folder);
  if (found) refuseOther(folder, found, parameters);
  else await writeFileAtomic(manifestOf(folder), JSON.stringify({ version: VERSION, rows, parameters }, null, 2));
  const isKept = ({ failed }: JournalLine) => keepFailed || failed.length === 0;
  return { rows, lines: await readJournal(folder, isKept) };
}

/** What stands in a work folder, without changing it; undefined where there is none. */
export async function readWork(folder: string): Promise<WorkState | undefined> {
  const found = await readManifest(folder);
  return found && { rows: found.rows, lines: await readJournal(folder) };
}

/** Everything but the lock that is held; the manifest last, since it says that the rest is of one run. */
async function discard(folder: string): Promise<void> {
  for (const name of ["journal.jsonl", "carry.spool", "classes", "probabilities", "manifest.json"]) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function readManifest(folder: string) {
  const path = manifestOf(folder);
  if (!existsSync(path)) return undefined;
  const found = manifestForm.safeParse(parse(await readFile(path, "utf8")));
  if (found.success && found.data.version === VERSION) return found.data;
  throw new SegError(path, "is damaged or of another version", "start again with --restart");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function refuseOther(folder: string, { parameters: had }: z.infer<typeof manifestForm>, now: Manifest): void {
  const plain = JSON.parse(JSON.stringify(now)) as Manifest; // as it would come back from the file
  const names = [...new Set([...Object.keys(had), ...Object.keys(plain)])];
  const other = names.filter((name) => JSON.stringify(had[name]) !== JSON.stringify(plain[name]));
  if (other.length === 0) return;
  const [first] = other;
  const told = `${first} was ${short(had[first])} and is now ${short(plain[first])}`;
  const more = other.length > 1 ? ` (${other.slice(1).join(", ")} too)` : "";
  throw new SegError(
    folder,
    `was begun with something else: ${told}${more}`,
    "run as before, or discard it with --restart",
  );
}

function short(value: unknown): string {
  const text = value === undefined ? "absent" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Whole lines of the journal; with `keep` the file is cut where they end, or at the first that is not to be kept. */
async function readJournal(folder: string, keep?: (line: JournalLine) => boolean): Promise<JournalLine[]> {
  const path = journalOf(folder);
  if (!existsSync(path)) return [];
  const text = await readFile(path, "utf8");
  const lines: JournalLine[] = [];
  let length = 0;
  for (const part of text.split("\n").slice(0, -1)) {
    const found = line.safeParse(parse(part));
    if (!found.success || found.data.row !== lines.length || keep?.(found.data) === false) break;
    lines.push(found.data);
    length += Buffer.byteLength(part) + 1;
  }
  if (keep && length < (await stat(path)).size) await truncate(path, length);
  return lines;
}

/** Adds a line that stays: it is on disk when the promise resolves. What it tells of must be there before. */
export async function appendJournal(folder: string, entry: JournalLine): Promise<void> {
  const path = journalOf(folder);
  const isNew = !existsSync(path);
  try {
    const file = await open(path, "a");
    try {
      await file.appendFile(`${JSON.stringify(entry)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw writeFault(path, error);
  }
  if (isNew) await syncFolder(folder);
}

/** Whether a run of this folder was begun and not ended. */
export const hasWork = (folder: string): boolean => existsSync(manifestOf(folder));

/** Makes the work folder of an output. */
export async function makeWorkFolder(output: string): Promise<string> {
  const folder = workFolder(output);
  await makeFolder(folder);
  await syncFolder(dirname(output));
  return folder;
}

/** Removes a work folder, lock and all, so that it is there or not: what is left of a kill meanwhile is a temporary that the next run sweeps. */
export async function removeWork(folder: string): Promise<void> {
  const gone = temporaryBeside(folder);
  await rename(folder, gone);
  await rm(gone, { recursive: true, force: true });
}
