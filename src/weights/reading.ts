/** @file Reading weight files by ranges: never more than 512 MiB in one call, every fault of the file named. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { SegError } from "../errors.js";

/** Node aborts the process on one read of 2 GiB or more. */
const LARGEST_READ = 2 ** 29;

/** A file open for reading; its size does not change meanwhile, or reads reject. */
export interface RangeFile {
  readonly path: string;
  readonly size: number;
  /** Bytes [position, position + length); rejects with SegError where the file ends before. */
  read(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** What is said of any file whose content cannot be believed. */
export function damaged(path: string, reason: string, cause?: unknown): SegError {
  return new SegError(path, reason, "get the file again", 2, { cause });
}

/** Opens a regular file. Rejects with SegError for a path that is missing, a folder, or not readable. */
export async function openRanges(path: string): Promise<RangeFile> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new SegError(path, found.isDirectory() ? "is a folder" : "is no file", "give a file");
    const handle = await open(path, "r");
    const { size } = await handle.stat();
    return {
      path,
      size,
      read: (position, length) => readRange(handle, path, position, length),
      close: () => handle.close(),
    };
  } catch (error) {
    throw fault(path, error);
  }
}

/** Opens a file for as long as `use` runs. */
export async function withRanges<T>(path: string, use: (file: RangeFile) => Promise<T>): Promise<T> {
  const file = await openRanges(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Hands an open file on, or closes it where what is made of it rejects. */
export async function closeOnError<T>(file: RangeFile, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readRange(handle: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = Math.min(length - done, LARGEST_READ);
    const { bytesRead } = await handle.read(buffer, done, count, position + done).catch((error) => {
      throw fault(path, error);
    });
    if (bytesRead === 0) throw damaged(path, "is cut short");
    done += bytesRead;
  }
  return buffer;
}

function fault(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof SegError || code === undefined) return error;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new SegError(path, "does not exist", "check the path", 2, { cause: error });
  return new SegError(path, `cannot be read (${code})`, "check the disk and its permissions", 2, { cause: error });
}
