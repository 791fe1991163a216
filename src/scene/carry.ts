/**
 * @file What a row of windows hands to the row below, a piece a column of windows: in memory, or beyond a budget in a file that is written once and
 * read once in order.
 */
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { writeFault } from "../files.js";

export interface CarryStore {
  /** A column's piece, which is then forgotten; undefined where there is none. */
  take(column: number): Promise<Float32Array | undefined>;
  put(column: number, piece: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/** Pieces in memory. */
export function memoryCarry(): CarryStore {
  const pieces = new Map<number, Float32Array>();
  return {
    async take(column) {
      const piece = pieces.get(column);
      pieces.delete(column);
      return piece;
    },
    async put(column, piece) {
      pieces.set(column, piece);
    },
    close: async () => pieces.clear(),
  };
}

/** Pieces of at most `pieceBytes` each in `carry.spool` of a folder: of no use after a crash, so nothing is flushed. Rejects with SegError on a full disk. */
export async function fileCarry(folder: string, pieceBytes: number): Promise<CarryStore> {
  const path = join(folder, "carry.spool");
  const file = await open(path, "w+");
  const lengths = new Map<number, number>();
  return {
    async take(column) {
      const length = lengths.get(column);
      lengths.delete(column);
      if (length === undefined) return undefined;
      const piece = new Float32Array(length);
      await readAll(file, new Uint8Array(piece.buffer), column * pieceBytes);
      return piece;
    },
    async put(column, piece) {
      if (piece.byteLength > pieceBytes) throw new Error(`internal: a piece of ${piece.byteLength} bytes`);
      lengths.set(column, piece.length);
      await writeAt(file, path, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength), column * pieceBytes);
    },
    close: () => file.close(),
  };
}

async function readAll(file: FileHandle, out: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const { bytesRead } = await file.read(out, done, out.length - done, position + done);
    if (bytesRead === 0) throw new Error("internal: the carry file ends early");
    done += bytesRead;
  }
}

/** Node reports a full disk as a short count first. */
async function writeAt(file: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
      if (bytesWritten === 0) throw Object.assign(new Error("no bytes could be written"), { code: "ENOSPC" });
      done += bytesWritten;
    }
  } catch (error) {
    throw writeFault(path, error);
  }
}
