/** @file Compressed blocks in the order they came, appended to one file, and where in it each block of an image lies. */
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { SegError } from "../errors.js";
import { type FileSystem, writeAll, writeFault } from "../files.js";

/** A file that only grows. */
export interface AppendFile {
  readonly path: string;
  /** Bytes so far, those under way included. */
  readonly length: number;
  /** Resolves with the offset once the bytes are written; several may be under way. */
  append(bytes: Uint8Array): Promise<number>;
  /** Reads into `into`, whole. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** Waits until all is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file that is emptied first, or one cut to `length` bytes. Faults name `subject`. */
export async function openAppendFile(
  path: string,
  subject: string,
  system: FileSystem,
  length?: number,
): Promise<AppendFile> {
  const handle = await system.open(path, length === undefined ? "w+" : "r+").catch((error: unknown) => {
    if (length !== undefined && isAbsent(error)) throw new SegError(subject, "its blocks are gone", START_AGAIN);
    throw writeFault(subject, error);
  });
  try {
    if (length !== undefined) await handle.truncate(length);
  } catch (error) {
    await handle.close();
    throw writeFault(subject, error);
  }
  return appendFile(handle, path, subject, length ?? 0);
}

/** What to do where a spool is not as its commits tell. */
export const START_AGAIN = "start again (seg predict: --restart)";

const isAbsent = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";

function appendFile(handle: FileHandle, path: string, subject: string, start: number): AppendFile {
  let length = start;
  const guarded = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw writeFault(subject, error);
    }
  };
  return {
    path,
    get length() {
      return length;
    },
    async append(bytes) {
      const offset = length;
      length += bytes.length;
      await guarded(writeAll(handle, bytes, offset));
      return offset;
    },
    async read(into, offset) {
      const { bytesRead } = await guarded(handle.read(into, 0, into.length, offset));
      if (bytesRead !== into.length) throw new Error(`internal: ${path} ends before byte ${offset + into.length}`);
    },
    sync: () => guarded(handle.sync()),
    close: () => handle.close(),
  };
}

/** Where a block lies; of length 0 for one that takes no bytes. */
export interface Place {
  readonly offset: number;
  readonly length: number;
  readonly crc32: number;
}

/** Places of the blocks of one image by number. */
export class BlockIndex {
  readonly lengths: Uint32Array;
  private readonly offsets: Float64Array;
  private readonly checksums: Uint32Array;

  constructor(
    readonly file: AppendFile,
    readonly count: number,
  ) {
    this.lengths = new Uint32Array(count);
    this.offsets = new Float64Array(count);
    this.checksums = new Uint32Array(count);
  }

  /** Appends a block's bytes, none for one of nothing but nodata. */
  async add(index: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0)
      this.set(index, { offset: await this.file.append(bytes), length: bytes.length, crc32: crc32(bytes) });
  }

  set(index: number, { offset, length, crc32: checksum }: Place): void {
    this.offsets[index] = offset;
    this.lengths[index] = length;
    this.checksums[index] = checksum;
  }

  placeOf(index: number): Place {
    return { offset: this.offsets[index], length: this.lengths[index], crc32: this.checksums[index] };
  }

  /** A block's bytes; none for one that takes none. */
  async read(index: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(this.lengths[index]);
    if (bytes.length > 0) await this.file.read(bytes, this.offsets[index]);
    return bytes;
  }
}
