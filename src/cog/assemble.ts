/** @file From finished blocks to the file: overviews, statistics, layout, and the blocks copied to their places. */
import { type AtomicFile, type FileSystem, withAtomicFile } from "../files.js";
import type { AppendFile, BlockIndex } from "./block-store.js";
import { LEADER, type Layout, layOut, TRAILER } from "./layout.js";
import type { Level } from "./levels.js";
import type { Plan } from "./options.js";
import { buildPyramid, type StoredLevel } from "./pyramid.js";
import { type BandStatistics, createStatistics } from "./statistics.js";

/** What was written. */
export interface CogSummary {
  readonly bytes: number;
  readonly bigTiff: boolean;
  /** The full image, then its overviews, pixels. */
  readonly levels: readonly { readonly width: number; readonly height: number }[];
  /** With `statistics`, of each band; undefined for a band without data. */
  readonly statistics?: readonly (BandStatistics | undefined)[];
  /** With `statistics`, pixels by value (256) of an 8-bit single-band raster, nodata included. */
  readonly counts?: readonly number[];
}

/** The full image's blocks, and where overviews go. */
export interface Parts {
  readonly levels: readonly Level[];
  readonly base: BlockIndex;
  readonly overviews: AppendFile;
}

/** Writes the file, whole or absent. */
export async function assemble(path: string, plan: Plan, parts: Parts, system: FileSystem): Promise<CogSummary> {
  const seen = plan.statistics ? createStatistics(plan) : undefined;
  const levels = await buildPyramid(plan, parts.levels, parts.base, parts.overviews, seen);
  const statistics = seen?.result();
  const counts = seen?.counts;
  const isClassMap = plan.overviews === "mode" || plan.photometric === "palette";
  const layout = layOut(plan, levels, { statistics, counts: isClassMap ? counts : undefined });
  await withAtomicFile(path, (file) => writeFile(file, layout, levels), system);
  return {
    ...{ bytes: layout.bytes, bigTiff: layout.bigTiff },
    levels: levels.map(({ width, height }) => ({ width, height })),
    ...(statistics && { statistics }),
    ...(counts && { counts }),
  };
}

const CHUNK = 2 ** 22;

async function writeFile(file: AtomicFile, layout: Layout, levels: readonly StoredLevel[]): Promise<void> {
  await file.write(layout.head);
  for (const { blocks } of [...levels].reverse()) await copyBlocks(file, blocks);
}

/** Blocks in order, each between its size and its last four bytes, in pieces of some megabytes. */
async function copyBlocks(file: AtomicFile, blocks: BlockIndex): Promise<void> {
  const longest = blocks.lengths.reduce((most, length) => Math.max(most, length), 0);
  const chunk = Buffer.allocUnsafe(Math.max(CHUNK, longest + LEADER + TRAILER));
  let used = 0;
  for (const [index, length] of blocks.lengths.entries()) {
    if (length === 0) continue;
    if (used + LEADER + length + TRAILER > chunk.length) {
      await file.write(chunk.subarray(0, used));
      used = 0;
    }
    chunk.writeUInt32LE(length, used);
    const end = used + LEADER + length;
    await blocks.file.read(chunk.subarray(used + LEADER, end), blocks.placeOf(index).offset);
    chunk.copyWithin(end, end - TRAILER, end);
    used = end + TRAILER;
  }
  if (used > 0) await file.write(chunk.subarray(0, used));
}
