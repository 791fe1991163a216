/**
 * @file Decoded blocks of one file, bounded in bytes: those kept and those being decoded count together. Least recently used go first.
 */
import type { PixelArray } from "../../contract.js";

/** Blocks decoded at a time: a few more than the threads of libuv's pool, so that reading and decoding overlap. */
const CONCURRENCY = 6;

/** What reading has cost so far. */
export interface ReadStats {
  /** Distinct blocks decoded. */
  readonly blocks: number;
  /** Times a block was decoded; what is above `blocks` was decoded again, because the cache had let it go. */
  readonly decoded: number;
  /** Compressed bytes read. */
  readonly bytes: number;
  /** Most bytes of decoded blocks held at a time. */
  readonly held: number;
}

/** One budget for all images of a file: pyramid levels and masks. */
export interface BlockCache {
  /** The first of `count` keys no other image uses. */
  claim(count: number): number;
  /** Whether a key's block is kept or on its way. */
  has(key: number): boolean;
  /** The block of a key, at most `bytes` large: kept, on its way, or decoded by `load` when there is room. */
  get(key: number, bytes: number, load: () => Promise<PixelArray>): Promise<PixelArray>;
  /** Adds to the counts of `stats`. */
  count(added: { readonly blocks: number; readonly bytes: number }): void;
  stats(): ReadStats;
}

/** A cache of `budget` bytes; one block is decoded and kept even where it alone is larger. */
export function createBlockCache(budget: number): BlockCache {
  const kept = new Map<number, PixelArray>(); // a Map keeps the order of insertion: the first is the least recently used
  const flights = new Map<number, Promise<PixelArray>>();
  const room = createRoom(budget, kept);
  const totals = { blocks: 0, decoded: 0, bytes: 0 };
  let keys = 0;
  const fly = async (key: number, bytes: number, load: () => Promise<PixelArray>): Promise<PixelArray> => {
    await room.enter(bytes);
    try {
      const block = await load();
      totals.decoded++;
      room.leave(bytes, key, block);
      return block;
    } catch (error) {
      room.leave(bytes);
      throw error;
    } finally {
      flights.delete(key);
    }
  };
  return {
    claim(count) {
      keys += count;
      return keys - count;
    },
    has: (key) => kept.has(key) || flights.has(key),
    get(key, bytes, load) {
      const block = touched(kept, key);
      if (block) return Promise.resolve(block);
      const flight = flights.get(key) ?? fly(key, bytes, load);
      flights.set(key, flight);
      return flight;
    },
    count({ blocks, bytes }) {
      totals.blocks += blocks;
      totals.bytes += bytes;
    },
    stats: () => ({ ...totals, held: room.most() }),
  };
}

/** What is kept of a key, which is then the most recently used one. */
function touched(kept: Map<number, PixelArray>, key: number): PixelArray | undefined {
  const block = kept.get(key);
  if (!block) return undefined;
  kept.delete(key);
  kept.set(key, block);
  return block;
}
/** Lets a block in when it and those on their way fit into the budget, and makes room among those kept. */
function createRoom(budget: number, kept: Map<number, PixelArray>) {
  const waiting: (() => void)[] = [];
  let [flying, flyingBytes, keptBytes, most] = [0, 0, 0, 0];
  const isFull = (bytes: number) => flying === CONCURRENCY || (flying > 0 && flyingBytes + bytes > budget);
  const evict = () => {
    for (const [key, block] of kept) {
      if (flyingBytes + keptBytes <= budget) return;
      kept.delete(key);
      keptBytes -= block.byteLength;
    }
  };
  return {
    async enter(bytes: number): Promise<void> {
      while (isFull(bytes)) await new Promise<void>((wake) => waiting.push(wake));
      flying++;
      flyingBytes += bytes;
      evict();
      most = Math.max(most, flyingBytes + keptBytes);
    },
    /** What claimed `bytes` has landed; without a block it failed. */
    leave(bytes: number, key?: number, block?: PixelArray): void {
      flying--;
      flyingBytes -= bytes;
      if (key !== undefined && block) {
        kept.set(key, block);
        keptBytes += block.byteLength;
      }
      for (const wake of waiting.splice(0)) wake(); // several small ones may fit where a large one was
    },
    most: () => most,
  };
}
