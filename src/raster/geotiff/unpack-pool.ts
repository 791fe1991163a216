/**
 * @file Threads that unpack blocks, each whole: the codec, the predictor and the order of bytes. Who reads little never starts one, and what a message
 * costs more than the work is unpacked at once.
 */
import { availableParallelism } from "node:os";
import type { PixelArray } from "../../contract.js";
import { type HelperThread, startThread } from "../../helper-thread.js";
import { type BlockForm, rowBytes } from "./layout.js";
import { unpackBlock } from "./unpack.js";

/** Bytes of pixels unpacked here before threads are started. */
const AFTER_BYTES = 2 ** 25;
/** Blocks of fewer bytes are unpacked here. */
const SMALL_BYTES = 2 ** 16;
const MOST_THREADS = 4;

/** What a thread is asked. */
export interface UnpackAsk {
  readonly packed: Uint8Array;
  readonly form: BlockForm;
  readonly rows: number;
}

/** The block, or what is wrong with it. */
export type UnpackAnswer = { readonly block: PixelArray } | { readonly damage: string };

/** How many threads, after how many bytes, for blocks of how many, and how they start. */
export interface PoolOptions {
  readonly threads?: number;
  readonly after?: number;
  readonly small?: number;
  readonly start?: () => HelperThread<UnpackAsk, UnpackAnswer>;
}

/** Samples [rows, blockWidth, samples of the block] of one compressed block; throws on damaged data. */
export type Unpacker = (packed: Buffer, form: BlockForm, rows: number) => Promise<PixelArray>;

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
  return async (packed, form, rows) => {
    const bytes = rowBytes(form) * rows;
    done += bytes;
    if (isBroken || done < after || bytes < small || form.compression === 1) {
      return unpackBlock(packed, form, rows);
    }
    const answer = await askSeat(seat(), { packed, form, rows });
    isBroken ||= answer === undefined;
    if (answer === undefined) return unpackBlock(packed, form, rows);
    if ("damage" in answer) throw new Error(answer.damage);
    return answer.block;
  };
}

/** Undefined where the thread has failed. */
async function askSeat(seat: Seat, ask: UnpackAsk): Promise<UnpackAnswer | undefined> {
  const packed = new Uint8Array(ask.packed); // a copy: the bytes may be part of a range that is kept
  seat.asked++;
  try {
    return await seat.thread.ask({ ...ask, packed }, [packed.buffer]);
  } catch {
    return undefined; // the caller does the work itself, and hears what is wrong with it
  } finally {
    seat.asked--;
  }
}
