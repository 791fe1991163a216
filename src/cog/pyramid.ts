/** @file The pass over all finished blocks: overviews level by level, and statistics of the full image on the way. */
import { type AppendFile, BlockIndex } from "./block-store.js";
import { decodeBlock, emptyBlock, encodeBlock } from "./codec.js";
import { extentOf, type Level } from "./levels.js";
import type { Plan } from "./options.js";
import { blocksUnderWay, inOrder } from "./pace.js";
import { type Patch, reduce, type Target } from "./reduce.js";
import type { Samples } from "./samples.js";
import type { Statistics } from "./statistics.js";

/** An image of the pyramid with its blocks. */
export interface StoredLevel extends Level {
  readonly blocks: BlockIndex;
}

/** Makes the overviews of `base` in `file`; `statistics` see every block of `base`. Returns all levels, the full image first. */
export async function buildPyramid(
  plan: Plan,
  levels: readonly Level[],
  base: BlockIndex,
  file: AppendFile,
  statistics: Statistics | undefined,
): Promise<StoredLevel[]> {
  const stored: StoredLevel[] = [{ ...levels[0], blocks: base }];
  for (const level of levels.slice(1)) {
    const below = stored[stored.length - 1];
    const next = { ...level, blocks: new BlockIndex(file, level.across * level.down) };
    await buildLevel(plan, below, next, below === stored[0] ? statistics : undefined);
    stored.push(next);
  }
  if (levels.length === 1 && statistics) await measureLevel(plan, stored[0], statistics);
  return stored;
}

type Merge = () => void;

async function buildLevel(plan: Plan, below: StoredLevel, level: StoredLevel, statistics?: Statistics): Promise<void> {
  const make = async (index: number): Promise<Merge[]> => {
    const samples = emptyBlock(plan);
    const merges: Merge[] = [];
    for (const child of childrenOf(plan, level, below, index)) {
      const source = await readBlock(plan, below, child.index);
      const extent = extentOf(below, plan.blockSize, child.index);
      if (statistics) merges.push(statistics.see(source, extent));
      if (source) shrink(plan, { ...extent, samples: source }, { ...child, samples });
    }
    await level.blocks.add(index, await encodeBlock(plan, samples));
    return merges;
  };
  await inOrder(level.across * level.down, blocksUnderWay(4 * plan.blockBytes), make, (merges) => {
    for (const merge of merges) merge();
  });
}

/** Undefined for a block of nothing but nodata. */
async function readBlock(plan: Plan, { blocks }: StoredLevel, index: number): Promise<Samples | undefined> {
  return blocks.lengths[index] === 0 ? undefined : decodeBlock(plan, await blocks.read(index));
}

function shrink({ overviews, blockSize, bands, nodata }: Plan, patch: Patch, target: Target): void {
  if (overviews === "none") throw new Error("internal: overviews of a raster without");
  reduce({ overviews, blockSize, bands, nodata }, patch, target);
}

/** One of the up to four blocks that one of the level above is made of, and its place in that, pixels. */
interface Child {
  readonly index: number;
  readonly x: number;
  readonly y: number;
}

function childrenOf(plan: Plan, level: Level, below: Level, index: number): Child[] {
  const column = 2 * (index % level.across);
  const row = 2 * Math.floor(index / level.across);
  const half = plan.blockSize / 2;
  const quarters = [0, 1, 2, 3].map((quarter) => [quarter & 1, quarter >> 1]);
  return quarters
    .filter(([right, lower]) => column + right < below.across && row + lower < below.down)
    .map(([right, lower]) => ({
      index: (row + lower) * below.across + column + right,
      x: right * half,
      y: lower * half,
    }));
}

async function measureLevel(plan: Plan, level: StoredLevel, statistics: Statistics): Promise<void> {
  const make = async (index: number) =>
    statistics.see(await readBlock(plan, level, index), extentOf(level, plan.blockSize, index));
  await inOrder(level.blocks.count, blocksUnderWay(plan.blockBytes), make, (merge) => merge());
}
