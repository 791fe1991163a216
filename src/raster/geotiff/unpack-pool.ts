/**
 * @file Threads that unpack blocks, each whole: read from a local file, decompressed, the predictor undone, bytes put in order. Who reads little never
 * starts one, and what a message costs more than the work is unpacked at once.
 */
import { availableParallelism } from "node:os";
import type { PixelArray } from "../../contract.js";
import { type HelperThread, startThread } from "../../helper-thread.js";
import { type BlockForm, rowBytes } from "./layout.js";
import type { ByteSource } from "./source.js";
import { unpackBlock } from "./unpack.js";

/** Bytes of pixels unpacked here before threads are started. */
const AFTER_BYTES = 2 ** 25;
/** Blocks of fewer bytes are unpacked here. */
const SMALL_BYTES = 2 ** 16;
const MOST_THREADS = 4;

/** Where a block lies. */
export interface StoredBlock {
  readonly source: Pick<ByteSource, "read" | "lend">;
  readonly offset: number;
  readonly length: number;
}

/** A range of an open file. */
export interface FileRange {
  readonly descriptor: number;
  readonly offset: number;
  readonly length: number;
}

/** What a thread is asked: a block of a file, or its bytes. */
export interface UnpackAsk {
  readonly from: FileRange | Uint8Array<ArrayBuffer>;
  readonly form: BlockForm;
  readonly rows: number;
}

/** The block, or what is wrong with it; `unread`: the file could not be read. */
export type UnpackAnswer = { readonly block: PixelArray } | { readonly damage: string } | { readonly unread: true };

/** How many threads, after how many bytes, for blocks of how many, and how they start. */
export interface PoolOptions {
  readonly threads?: number;
  readonly after?: number;
  readonly small?: number;
  readonly start?: () => HelperThread<UnpackAsk, UnpackAnswer>;
}

/** Samples [rows, blockWidth, samples of the block] of one compressed block; throws on damaged data, and what reading throws. */
export type Unpacker = (stored: StoredBlock, form: BlockForm, rows: number) => Promise<PixelArray>;

interface Seat {
  readonly thread: HelperThread<UnpackAsk, UnpackAnswer>;
  asked: number;
}

/**
 * Unpacks in up to `threads` threads (default: one a core, at most 4) from `after` bytes (32 MiB) on, but for blocks below
 * `small` bytes (64 KiB); idle ones keep no process alive. Once a thread has failed, which damaged data does not make it do, all is unpacked here.
 */
export function createUnpackPool(options: PoolOptions = {}): Unpacker {
  const { threads = Math.min(MOST_THREADS, availableParallelism()), after = AFTER_BYTES } = options;
  const { small = SMALL_BYTES, start = () => startThread(import.meta.url, "unpack-thread", {}) } = options;
  const seats: Seat[] = [];
  let [done, isBroken] = [0, threads < 2];
  const seat = (): Seat => {
    const [free] = seats.sort((a, b) => a.asked - b.asked);
    if (free && (free.asked === 0 || seats.length === threads)) return free;
    seats.push({ thread: start(), asked: 0 });
    return seats[seats.length - 1];
  };
  return async (stored, form, rows) => {
    const bytes = rowBytes(form) * rows;
    done += bytes;
    const isApart = !isBroken && done >= after && bytes >= small && form.compression !== 1;
    const answer = isApart ? await askSeat(seat(), stored, form, rows) : { unread: true };
    isBroken ||= answer === undefined;
    if (answer && "block" in answer) return answer.block;
    if (answer && "damage" in answer) throw new Error(answer.damage);
    return unpackBlock(await stored.source.read(stored.offset, stored.length), form, rows);
  };
}

/** Undefined where the thread has failed. */
async function askSeat(
  seat: Seat,
  { source, offset, length }: StoredBlock,
  form: BlockForm,
  rows: number,
): Promise<UnpackAnswer | undefined> {
  const ask = async (from: UnpackAsk["from"], moved: readonly ArrayBuffer[] = []) => {
    try {
      return await seat.thread.ask({ from, form, rows }, moved);
    } catch {
      return undefined; // the caller does the work itself, and hears what is wrong with it
    }
  };
  seat.asked++;
  try {
    if (source.lend) return await source.lend(offset, length, (descriptor) => ask({ descriptor, offset, length }));
    const packed = new Uint8Array(await source.read(offset, length)); // a copy: the bytes may be part of a range that is kept
    return await ask(packed, [packed.buffer]);
  } finally {
    seat.asked--;
  }
}
