/**
 * @file What a row of windows hands to the row below, a piece a column of windows: in memory, or beyond a budget in a file that is written once and
 * read once in order.
 */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { writeAll, writeFault } from "../files.js";
import { readInto } from "../raster/file-bytes.js";

/** Pieces kept from one row of windows to the next. */
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
      await readInto(file, path, column * pieceBytes, new Uint8Array(piece.buffer));
      return piece;
    },
    async put(column, piece) {
      if (piece.byteLength > pieceBytes) throw new Error(`internal: a piece of ${piece.byteLength} bytes`);
      lengths.set(column, piece.length);
      const bytes = new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
      await writeAll(file, bytes, column * pieceBytes).catch((error: unknown) => {
        throw writeFault(path, error);
      });
    },
    close: () => file.close(),
  };
}
