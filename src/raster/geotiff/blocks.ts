/**
 * @file Windows of one directory's pixels, put together from blocks of the file's cache.
 */
import type { PixelArray } from "../../contract.js";
import { SegError } from "../../errors.js";
import type { Window } from "../windows.js";
import type { BlockCache } from "./block-cache.js";
import { copySamples, wordsOf } from "./copy-samples.js";
import { decodeBlock, formOf } from "./decode.js";
import { allocate, type BlockForm, blockCount, type Layout } from "./layout.js";
import { type ByteSource, damaged } from "./source.js";
import { owned } from "./unpack.js";

/** Reads windows of a layout. */
export interface BlockReader {
  readonly layout: Layout;
  /** Interleaved [H, W, bands] of the samples named (0-based); blocks the file leaves out are `absent`. */
  read(window: Window, bands: readonly number[]): Promise<PixelArray>;
  /** Whether the file holds any block of the window. */
  isPresent(window: Window): boolean;
}

/** A reader of one image of the file whose decoded blocks `cache` keeps. */
export function createBlockReader(source: ByteSource, layout: Layout, cache: BlockCache, absent: number): BlockReader {
  const count = blockCount(layout);
  const [first, seen, bytes] = [cache.claim(count), new Uint8Array(count), blockBytes(layout)];
  const form = formOf(layout);
  const load = async (index: number) => {
    const block = owned(await decoded(source, form, layout, index));
    cache.count({ blocks: seen[index] ? 0 : 1, bytes: layout.byteCounts[index] });
    seen[index] = 1;
    return block;
  };
  const isStored = (index: number) => layout.offsets[index] !== 0 && layout.byteCounts[index] !== 0;
  const block = async (index: number) =>
    isStored(index) ? cache.get(first + index, bytes, () => load(index)) : undefined;
  return {
    layout,
    async read(window, bands) {
      const out = allocate(layout.type, window.width * window.height * bands.length);
      const jobs = plan(window, layout, bands);
      const missing = jobs.filter(({ index }) => isStored(index) && !cache.has(first + index));
      source.prefetch?.(missing.map(({ index }) => [layout.offsets[index], layout.byteCounts[index]] as const));
      await settle(
        jobs.map(async (job) => copyBlock(await block(job.index), job, { window, layout, bands, out, absent })),
      );
      return out;
    },
    isPresent: (window) =>
      plan(window, layout, layout.planar ? allBands(layout) : [0]).some(({ index }) => isStored(index)),
  };
}

const allBands = ({ samples }: Layout) => Array.from({ length: samples }, (_, band) => band);

/** Waits for all, so that nothing of a failed window is still read afterwards; then rejects with the first fault. */
async function settle(jobs: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(jobs);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
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

async function decoded(source: ByteSource, form: BlockForm, layout: Layout, index: number): Promise<PixelArray> {
  const row = Math.floor(index / layout.across) % layout.down;
  const rows = layout.tiled
    ? layout.blockHeight
    : Math.min(layout.blockHeight, layout.height - row * layout.blockHeight);
  try {
    const stored = { source, offset: layout.offsets[index], length: layout.byteCounts[index] };
    return await decodeBlock(stored, form, rows);
  } catch (error) {
    if (error instanceof SegError) throw error;
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw damaged(source.path, `block ${index} cannot be decoded (${reason})`, error);
  }
}

interface Target {
  readonly window: Window;
  readonly layout: Layout;
  readonly bands: readonly number[];
  readonly out: PixelArray;
  readonly absent: number;
}

/** Copies the part of a block that lies in the window, row by row. */
function copyBlock(block: PixelArray | undefined, job: Job, { window, layout, bands, out, absent }: Target): void {
  const [left, top] = [job.column * layout.blockWidth, job.row * layout.blockHeight];
  const [fromX, toX] = [Math.max(left, window.x), Math.min(left + layout.blockWidth, window.x + window.width)];
  const [fromY, toY] = [Math.max(top, window.y), Math.min(top + layout.blockHeight, window.y + window.height)];
  const step = layout.planar ? 1 : layout.samples;
  const sources = layout.planar ? [0] : bands;
  const whole = step === bands.length && bands.every((band, i) => band === i);
  const count = toX - fromX;
  const [words, outWords] = [block && wordsOf(block), wordsOf(out)];
  for (let y = fromY; y < toY; y++) {
    const from = ((y - top) * layout.blockWidth + fromX - left) * step;
    const to = ((y - window.y) * window.width + fromX - window.x) * bands.length + job.plane;
    if (block && whole) {
      out.set(block.subarray(from, from + count * step), to);
      continue;
    }
    for (const [k, band] of sources.entries()) {
      if (words) copySamples(words, from + band, step, outWords, to + k, bands.length, count);
      else for (let i = 0, o = to + k; i < count; i++, o += bands.length) out[o] = absent;
    }
  }
}
