/**
 * @file Windows of one directory's pixels, through a cache of decoded blocks bounded in bytes.
 */
import pLimit from "p-limit";
import type { PixelArray } from "../../contract.js";
import { SegError } from "../../errors.js";
import type { Window } from "../windows.js";
import { decodeBlock } from "./decode.js";
import { allocate, type Layout } from "./layout.js";
import { type ByteSource, damaged } from "./source.js";

const CONCURRENCY = 4;
const BATCH = 64;
/** Blocks a remote source is told of before they are read: enough for whole requests where blocks are small. */
const AHEAD = 4096;

/** Reads windows of a layout. */
export interface BlockReader {
  /** Interleaved [H, W, bands] of the samples named (0-based); blocks the file leaves out are `absent`. */
  read(window: Window, bands: readonly number[]): Promise<PixelArray>;
}

/** A reader that keeps up to `cacheBytes` of decoded blocks. */
export function createBlockReader(source: ByteSource, layout: Layout, cacheBytes: number, absent: number): BlockReader {
  const cache = new Map<number, Promise<PixelArray | undefined>>();
  const most = Math.max(1, Math.floor(cacheBytes / blockBytes(layout)));
  const limit = pLimit(CONCURRENCY);
  const block = (index: number): Promise<PixelArray | undefined> => {
    const found = cache.get(index);
    cache.delete(index); // and put back last: a Map keeps the order of insertion, so the first is the least used
    const value = found ?? limit(() => loadBlock(source, layout, index));
    cache.set(index, value);
    if (cache.size > most) cache.delete(cache.keys().next().value ?? index);
    return value;
  };
  return {
    async read(window, bands) {
      const out = allocate(layout.type, window.width * window.height * bands.length);
      const jobs = plan(window, layout, bands);
      const step = Math.min(most, BATCH); // blocks in flight are memory too
      for (let i = 0; i < jobs.length; i += step) {
        source.prefetch?.(rangesOf(jobs.slice(i, i + AHEAD), layout, cache));
        const batch = jobs.slice(i, i + step);
        const blocks = await Promise.all(batch.map((job) => block(job.index)));
        for (const [k, job] of batch.entries()) copyBlock(blocks[k], job, window, layout, bands, out, absent);
      }
      return out;
    },
  };
}

function blockBytes({ type, blockWidth, blockHeight, planar, samples }: Layout): number {
  return allocate(type, 1).BYTES_PER_ELEMENT * blockWidth * blockHeight * (planar ? 1 : samples);
}

/** One block's share in a window; `plane` is its position in the bands wanted, for files with a block per band. */
interface Job {
  readonly index: number;
  readonly column: number;
  readonly row: number;
  readonly plane: number;
}

function plan({ x, y, width, height }: Window, layout: Layout, bands: readonly number[]): Job[] {
  const jobs: Job[] = [];
  const planes = layout.planar ? bands : [0];
  for (const [plane, band] of planes.entries()) {
    for (let row = Math.floor(y / layout.blockHeight); row * layout.blockHeight < y + height; row++) {
      for (let column = Math.floor(x / layout.blockWidth); column * layout.blockWidth < x + width; column++) {
        jobs.push({ index: (band * layout.down + row) * layout.across + column, column, row, plane });
      }
    }
  }
  return jobs;
}

/** Where the blocks lie that are not decoded yet. */
function rangesOf(jobs: readonly Job[], { offsets, byteCounts }: Layout, decoded: ReadonlyMap<number, unknown>) {
  const missing = jobs.filter(({ index }) => !decoded.has(index) && byteCounts[index] > 0);
  return missing.map(({ index }) => [offsets[index], byteCounts[index]] as const);
}

async function loadBlock(source: ByteSource, layout: Layout, index: number): Promise<PixelArray | undefined> {
  const [offset, bytes] = [layout.offsets[index], layout.byteCounts[index]];
  if (offset === 0 || bytes === 0) return undefined;
  const row = Math.floor(index / layout.across) % layout.down;
  const rows = layout.tiled
    ? layout.blockHeight
    : Math.min(layout.blockHeight, layout.height - row * layout.blockHeight);
  const packed = await source.read(offset, bytes);
  try {
    return await decodeBlock(packed, layout, rows);
  } catch (error) {
    if (error instanceof SegError) throw error;
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw damaged(source.path, `block ${index} cannot be decoded (${reason})`, error);
  }
}

function copyBlock(
  block: PixelArray | undefined,
  job: Job,
  window: Window,
  layout: Layout,
  bands: readonly number[],
  out: PixelArray,
  absent: number,
): void {
  const [left, top] = [job.column * layout.blockWidth, job.row * layout.blockHeight];
  const [fromX, toX] = [Math.max(left, window.x), Math.min(left + layout.blockWidth, window.x + window.width)];
  const [fromY, toY] = [Math.max(top, window.y), Math.min(top + layout.blockHeight, window.y + window.height)];
  const step = layout.planar ? 1 : layout.samples;
  const sources = layout.planar ? [0] : bands;
  const whole = step === bands.length && bands.every((band, i) => band === i);
  for (let y = fromY; y < toY; y++) {
    const from = ((y - top) * layout.blockWidth + fromX - left) * step;
    const to = ((y - window.y) * window.width + fromX - window.x) * bands.length + job.plane;
    if (block && whole) {
      out.set(block.subarray(from, from + (toX - fromX) * step), to);
      continue;
    }
    for (const [k, band] of sources.entries()) {
      for (let x = fromX, i = from + band, o = to + k; x < toX; x++, i += step, o += bands.length) {
        out[o] = block ? block[i] : absent;
      }
    }
  }
}
