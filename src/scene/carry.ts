/**
 * @file What a row of windows hands to the row below, a piece a column of windows: in memory, and beyond a budget in a file that is written and read in
 * order. The last row, pulled back into the scene, may share far more with the one above than the others do.
 */
import { type FileHandle, open } from "node:fs/promises";
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

/** Where pieces go that find no room in memory. */
export interface CarryFile {
  readonly folder: string;
  /** The most a piece takes. */
  readonly pieceBytes: number;
}

/** Pieces in memory up to `budget` bytes, the others in `carry.spool` of a folder: of no use after a crash, so nothing is flushed. Rejects with SegError on a full disk. */
export function openCarry({ folder, pieceBytes }: CarryFile, budget: number): CarryStore {
  const pieces = new Map<number, Float32Array>();
  const lengths = new Map<number, number>(); // of those in the file
  const path = join(folder, "carry.spool");
  let file: FileHandle | undefined;
  let held = 0;
  const store = async (column: number, piece: Float32Array) => {
    if (piece.byteLength > pieceBytes) throw new Error(`internal: a piece of ${piece.byteLength} bytes`);
    file ??= await open(path, "w+");
    lengths.set(column, piece.length);
    await writeAll(file, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength), column * pieceBytes);
  };
  const load = async (column: number, length: number) => {
    const piece = new Float32Array(length);
    if (file) await readInto(file, path, column * pieceBytes, new Uint8Array(piece.buffer));
    lengths.delete(column);
    return piece;
  };
  return {
    async take(column) {
      const length = lengths.get(column);
      if (length !== undefined) return load(column, length);
      const piece = pieces.get(column);
      pieces.delete(column);
      held -= piece?.byteLength ?? 0;
      return piece;
    },
    async put(column, piece) {
      if (held + piece.byteLength > budget) {
        await store(column, piece).catch((error: unknown) => {
          throw writeFault(path, error);
        });
        return;
      }
      pieces.set(column, piece);
      held += piece.byteLength;
    },
    close: async () => file?.close(),
  };
}
