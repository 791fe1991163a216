/**
 * @file Files that are whole or absent: written beside their target, flushed, renamed, and the folder flushed after it.
 * Also content hashes, and text and JSON read with errors that name the file.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { EXIT, SegError } from "./errors.js";

/** Marks temporary files of ours: `.NAME.PID-N.partial`. */
export const TEMPORARY = /^\..*\.\d+-\d+\.partial$/;
let counter = Date.now(); // beyond those of an earlier process with the same id, as in containers

/** What a writer may do with a file that is being made. */
export interface AtomicFile {
  write(bytes: Uint8Array): Promise<void>;
  writeAt(bytes: Uint8Array, position: number): Promise<void>;
}

/** The calls that can fail while files are made; tests put faults behind them. */
export interface FileSystem {
  open(path: string, flags: string): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
  /** A file, or a folder with all in it; absent is no error. */
  remove(path: string): Promise<void>;
  makeFolder(path: string): Promise<void>;
}

export const nodeFileSystem: FileSystem = {
  open,
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
};

/** Writes a file through a temporary one in the same folder; on any failure the file that was there stays. */
export async function withAtomicFile<T>(
  path: string,
  fill: (file: AtomicFile) => Promise<T>,
  system: FileSystem = nodeFileSystem,
): Promise<T> {
  const temporary = temporaryBeside(path);
  try {
    const result = await fillAndFlush(temporary, fill, system);
    await system.rename(temporary, path);
    await syncFolder(dirname(path), system);
    return result;
  } catch (error) {
    await system.remove(temporary).catch(() => {}); // the first fault is the one to tell; a sweep takes what stays
    throw writeFault(path, error);
  }
}

/** A name of a temporary file or folder beside a target; one a killed process left is found by `TEMPORARY`. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}-${counter++}.partial`);

async function fillAndFlush<T>(path: string, fill: (file: AtomicFile) => Promise<T>, system: FileSystem): Promise<T> {
  const handle = await system.open(path, "wx");
  try {
    const result = await fill({
      write: (bytes) => writeAll(handle, bytes, null),
      writeAt: (bytes, position) => writeAll(handle, bytes, position),
    });
    await handle.sync();
    return result;
  } finally {
    await handle.close();
  }
}

/** Writes all bytes. Node reports a full disk as a short count, so the rest is written until the system says why it cannot. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number | null): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, 2 ** 30);
    const { bytesWritten } = await handle.write(bytes, done, length, position === null ? null : position + done);
    if (bytesWritten === 0) throw Object.assign(new Error("no bytes could be written"), { code: "ENOSPC" });
    done += bytesWritten;
  }
}

const FAULTS: Readonly<Record<string, readonly [string, string, number?]>> = {
  ENOSPC: ["the disk is full", "free some space and run again; what was there is untouched", EXIT.guard],
  EDQUOT: ["the disk quota is used up", "free some space and run again; what was there is untouched", EXIT.guard],
  EACCES: ["may not be written", "check the permissions of its folder"],
  EPERM: ["may not be written", "check the permissions of its folder"],
  EROFS: ["lies on a read-only file system", "choose another place"],
  ENOENT: ["its folder does not exist", "make the folder, or choose another place"],
  ENOTDIR: ["lies below a file, not a folder", "choose another place"],
  EISDIR: ["is a folder", "give the name of a file"],
  EIO: ["the disk reports an error", "check the disk; what was there is untouched"],
};

/** What the system said of a write, as an error that names the file; anything else stays what it is. */
export function writeFault(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const known = code === undefined || error instanceof SegError ? undefined : FAULTS[code];
  return known ? new SegError(path, known[0], known[1], known[2] ?? EXIT.usage, { cause: error }) : error;
}

/** Writes text, bytes or chunks of them so that the file is whole or as it was before. Rejects with SegError on a full disk and the like. */
export function writeFileAtomic(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array>,
  system?: FileSystem,
): Promise<void> {
  const chunks = typeof data === "string" ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  const fill = async (file: AtomicFile) => {
    for (const chunk of chunks) await file.write(chunk);
  };
  return withAtomicFile(path, fill, system);
}

/** Writes chunks into a file that is read at once and removed: nothing is flushed to the disk. Rejects as `writeFileAtomic`. */
export async function writeScratchFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  try {
    const handle = await open(path, "w");
    try {
      for (const chunk of chunks) await writeAll(handle, chunk, null);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw writeFault(path, error);
  }
}

/** Makes a folder and those above it; SegError where a file is in the way, it is forbidden or the disk is full. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    const fault = writeFault(path, cause);
    if (fault instanceof SegError) throw fault;
    throw new SegError(path, `cannot be made a folder (${cause.code})`, "choose another place", 2, { cause });
  });
}

/** Refuses to replace a file nobody said may be replaced. */
export function refuseExisting(path: string): void {
  if (existsSync(path)) throw new SegError(path, "exists", "choose another --out, or replace it with --force");
}

/** Flushes a folder's entries, so that a rename survives a power cut; file systems without it are left alone. */
export async function syncFolder(path: string, system: FileSystem = nodeFileSystem): Promise<void> {
  const handle = await system.open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "EPERM", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** Removes temporary files a killed process left in a folder. */
export async function sweepTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** SHA-256 in lower-case hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of a file of any size. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

/** A JSON file's value; a missing or damaged one is an error that names it. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SegError(path, "is not JSON", "restore it or make it again", 2, { cause: error });
  }
}

/** A text file's content, at most 64 MiB; a missing one is an error that names it. */
export async function readText(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > 2 ** 26) throw new SegError(path, "is larger than 64 MiB", "give a text file");
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof SegError) throw error;
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be read";
    throw new SegError(path, reason, "check the path", 2, { cause: error });
  }
}
