/**
 * @file The parts of a remote file that were fetched: blocks of 64 KiB, the least used ones dropped first, each fetched once however many ask for it.
 * Neighbouring blocks come in one request. The blocks kept and those on their way together never exceed the budget.
 */
import pLimit from "p-limit";
import { MOST_REQUESTS } from "./transport.js";

/** Bytes of a block. A gap of less than this between two ranges never costs a request of its own. */
export const BLOCK_BYTES = 2 ** 16;
const MOST_REQUEST_BLOCKS = 64;

/** Fetches `count` blocks from block `first` on; the file's last block is as long as what is left of it. */
export type LoadBlocks = (first: number, count: number) => Promise<readonly Buffer[]>;

/** Random access through the blocks kept. */
export interface RangeCache {
  /** Bytes that lie inside the file. */
  read(offset: number, length: number): Promise<Buffer>;
  /** Starts to fetch ranges that will be read soon, as many as half the budget holds; their errors are told by `read`. */
  prefetch(ranges: readonly (readonly [offset: number, length: number])[]): void;
  /** Takes in a block that came by another way. */
  put(index: number, block: Buffer): void;
  /** Blocks kept and on their way. */
  held(): number;
}

/** Blocks on their way. */
interface Fetch {
  readonly first: number;
  readonly blocks: Promise<readonly Buffer[]>;
}

interface State {
  readonly load: LoadBlocks;
  /** Blocks held at most, and asked for in one request. */
  readonly capacity: number;
  readonly most: number;
  /** A Map keeps the order of insertion: the first block is the least used one. */
  readonly kept: Map<number, Buffer>;
  readonly coming: Map<number, Fetch>;
  readonly limit: <T>(work: () => Promise<T>) => Promise<T>;
  onTheWay: number;
}

/** A cache of `budgetBytes` (at least eight blocks). */
export function createRangeCache(budgetBytes: number, load: LoadBlocks): RangeCache {
  const capacity = Math.max(2 * MOST_REQUESTS, Math.floor(budgetBytes / BLOCK_BYTES));
  const most = Math.min(MOST_REQUEST_BLOCKS, Math.floor(capacity / (2 * MOST_REQUESTS)));
  const limit = pLimit(MOST_REQUESTS);
  const state: State = { load, capacity, most, kept: new Map(), coming: new Map(), limit, onTheWay: 0 };
  return {
    read: (offset, length) => read(state, offset, length),
    prefetch: (ranges) => prefetch(state, ranges),
    put: (index, block) => void state.kept.set(index, block),
    held: () => state.kept.size + state.onTheWay,
  };
}

async function read(state: State, offset: number, length: number): Promise<Buffer> {
  const out = Buffer.allocUnsafe(length);
  const end = length === 0 ? 0 : Math.ceil((offset + length) / BLOCK_BYTES);
  for (let first = Math.floor(offset / BLOCK_BYTES); first < end; first += state.most) {
    const indices = Array.from({ length: Math.min(state.most, end - first) }, (_, i) => first + i);
    start(state, indices);
    await Promise.all(indices.map((index) => copy(state, index, offset, out)));
  }
  return out;
}

/** Copies at once what is kept: the block may be dropped while others are waited for. */
async function copy({ kept, coming }: State, index: number, offset: number, out: Buffer): Promise<void> {
  const fetch = coming.get(index);
  const block = kept.get(index) ?? (fetch && (await fetch.blocks)[index - fetch.first]);
  if (!block) throw new Error(`internal: block ${index} was not asked for`);
  const at = index * BLOCK_BYTES - offset;
  block.copy(out, Math.max(at, 0), Math.max(-at, 0));
}

function prefetch(state: State, ranges: readonly (readonly [number, number])[]): void {
  const indices = new Set<number>();
  for (const [offset, length] of ranges) {
    for (let i = Math.floor(offset / BLOCK_BYTES); i * BLOCK_BYTES < offset + length; i++) {
      if (indices.size >= state.capacity / 2) break;
      indices.add(i);
    }
  }
  const fetches = start(
    state,
    [...indices].sort((a, b) => a - b),
  );
  for (const { blocks } of fetches) blocks.catch(() => {}); // the read of these blocks asks again, and tells
}

/** Marks blocks (in ascending order) as used and begins to fetch those that are neither kept nor coming, neighbours together. */
function start(state: State, indices: readonly number[]): Fetch[] {
  const { kept, coming, most } = state;
  const runs: { first: number; count: number }[] = [];
  for (const index of indices) {
    const block = kept.get(index);
    if (block) {
      kept.delete(index);
      kept.set(index, block);
    } else if (!coming.has(index)) {
      const run = runs.at(-1);
      if (run && run.first + run.count === index && run.count < most) run.count++;
      else runs.push({ first: index, count: 1 });
    }
  }
  return runs.map(({ first, count }) => fetchRun(state, first, count));
}

function fetchRun(state: State, first: number, count: number): Fetch {
  const { kept, coming, limit, load } = state;
  const blocks = limit(async () => {
    state.onTheWay += count;
    makeRoom(state);
    try {
      const loaded = await load(first, count);
      for (const [i, block] of loaded.entries()) kept.set(first + i, block);
      return loaded;
    } finally {
      state.onTheWay -= count;
      for (let i = 0; i < count; i++) coming.delete(first + i);
    }
  });
  const fetch = { first, blocks };
  for (let i = 0; i < count; i++) coming.set(first + i, fetch);
  return fetch;
}

function makeRoom({ kept, capacity, onTheWay }: State): void {
  for (const index of kept.keys()) {
    if (kept.size + onTheWay <= capacity) return;
    kept.delete(index);
  }
}
