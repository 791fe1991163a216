/**
 * @file A COG in the making: finished blocks lie compressed in a spool file, in the order they came; what is on the disk is told by commits, from
 * which a later process goes on. The file itself is put together at the end, when all sizes are known.
 */
import { dirname, join } from "node:path";
import { type FileSystem, nodeFileSystem, syncFolder, writeFault } from "../files.js";
import { assemble, type CogSummary } from "./assemble.js";
import { type AppendFile, BlockIndex, openAppendFile } from "./block-store.js";
import { encodeBlock } from "./codec.js";
import { type Level, levelsOf } from "./levels.js";
import { OpenBlocks } from "./open-blocks.js";
import { type CogOptions, type Plan, planOf } from "./options.js";
import { blocksUnderWay, UnderWay } from "./pace.js";
import { restoreCommits, type SpoolCommit } from "./commits.js";
import type { Samples } from "./samples.js";

/** Takes pixels in any order and makes a COG of them. Failures of the disk are SegErrors that name the spool's folder or the COG. */
export interface CogSpool {
  /**
   * Interleaved samples [height, width, bands] of any rectangle of the raster; free for other use once this resolves. A block is compressed and
   * appended once all its pixels have come; pixels of blocks that are whole already are passed by, so a resumed run may write them again. A block
   * of nothing but nodata takes no bytes. Resolves late when much is under way. One call at a time.
   */
  write(x: number, y: number, width: number, height: number, samples: Samples): Promise<void>;
  /** Resolves when every whole block is on the disk, with what was added since the last commit. Blocks that lack pixels are in memory only. */
  commit(): Promise<SpoolCommit>;
  /** Whether all pixels of a block have come. Blocks are numbered row by row. */
  isComplete(block: number): boolean;
  /** First row of pixels of the first row of blocks that is not whole, from where a resumed run has to write again; the height when all are. */
  readonly firstOpenRow: number;
  /**
   * Makes overviews and statistics and puts the file together: whole or absent, replacing `path` at once. May be called again, in a later process
   * too. Rejects when pixels are missing.
   */
  finish(path: string, extra?: { readonly metadata?: Readonly<Record<string, string>> }): Promise<CogSummary>;
  /** Closes the files; with `remove`, the folder is deleted. */
  close(options?: { readonly remove?: boolean }): Promise<void>;
}

/**
 * Opens a spool in a folder, made when needed: an empty one, or one continued from the commits of an earlier process with the same options. What came
 * after the last commit is cut off; every block is read and checked: a damaged one is a SegError that names it.
 */
export async function openCogSpool(
  folder: string,
  options: CogOptions,
  commits?: readonly SpoolCommit[],
  system: FileSystem = nodeFileSystem,
): Promise<CogSpool> {
  return openSpool({ folder, subject: folder, system }, planOf(options), commits);
}

/** Where a spool lies, and what its errors are about. */
export interface SpoolPlace {
  readonly folder: string;
  readonly subject: string;
  readonly system: FileSystem;
}

/** `openCogSpool` for options that are checked already. */
export async function openSpool(
  place: SpoolPlace,
  plan: Plan,
  commits: readonly SpoolCommit[] = [],
): Promise<CogSpool> {
  const { folder, subject, system } = place;
  await system.makeFolder(folder).catch((error: unknown) => {
    throw writeFault(subject, error);
  });
  const length = commits.length > 0 ? commits[commits.length - 1].length : undefined;
  const file = await openAppendFile(join(folder, "blocks"), subject, system, length);
  const spool = new Spool(place, plan, file);
  try {
    await restoreCommits(subject, commits, spool.blocks, spool.whole);
  } catch (error) {
    await file.close();
    throw error;
  }
  return spool;
}

class Spool implements CogSpool {
  readonly blocks: BlockIndex;
  /** 1 for a block all of whose pixels have come. */
  readonly whole: Uint8Array;
  private readonly levels: readonly Level[];
  private readonly open: OpenBlocks;
  private readonly underWay: UnderWay;
  private readonly uncommitted: number[] = [];
  private isKnown = false; // whether the folder's entries are on the disk

  constructor(
    private readonly place: SpoolPlace,
    private readonly plan: Plan,
    private readonly file: AppendFile,
  ) {
    this.levels = levelsOf(plan);
    const count = this.levels[0].across * this.levels[0].down;
    this.blocks = new BlockIndex(file, count);
    this.whole = new Uint8Array(count);
    this.open = new OpenBlocks(plan, this.levels[0]);
    this.underWay = new UnderWay(blocksUnderWay(plan.blockBytes));
  }

  async write(x: number, y: number, width: number, height: number, samples: Samples): Promise<void> {
    for (const block of this.open.add({ x, y, width, height }, samples, (index) => this.isComplete(index))) {
      this.whole[block.index] = 1;
      await this.underWay.add(async () => {
        await this.blocks.add(block.index, await encodeBlock(this.plan, block.samples));
        this.uncommitted.push(block.index);
      });
    }
  }

  async commit(): Promise<SpoolCommit> {
    await this.underWay.drain();
    await this.file.sync();
    if (!this.isKnown) await this.syncFolders();
    const added = this.uncommitted.splice(0).sort((a, b) => a - b);
    const blocks = added.map((index) => {
      const { offset, length, crc32 } = this.blocks.placeOf(index);
      return [index, offset, length, crc32] as const;
    });
    return { length: this.file.length, blocks };
  }

  private async syncFolders(): Promise<void> {
    const { folder, subject, system } = this.place;
    for (const path of [folder, dirname(folder)]) {
      await syncFolder(path, system).catch((error: unknown) => {
        throw writeFault(subject, error);
      });
    }
    this.isKnown = true;
  }

  isComplete(block: number): boolean {
    return this.whole[block] === 1;
  }

  get firstOpenRow(): number {
    const first = this.whole.indexOf(0);
    return first < 0 ? this.plan.height : Math.floor(first / this.levels[0].across) * this.plan.blockSize;
  }

  async finish(
    path: string,
    extra: { readonly metadata?: Readonly<Record<string, string>> } = {},
  ): Promise<CogSummary> {
    await this.underWay.drain();
    const missing = this.whole.reduce((sum, whole) => sum + 1 - whole, 0);
    if (missing > 0) throw new Error(`internal: ${missing} of ${this.whole.length} blocks lack pixels`);
    const { folder, system } = this.place;
    const plan = { ...this.plan, metadata: { ...this.plan.metadata, ...extra.metadata } };
    const overviews = await openAppendFile(join(folder, "overviews"), this.place.subject, system);
    try {
      return await assemble(path, plan, { levels: this.levels, base: this.blocks, overviews }, system);
    } finally {
      await overviews.close();
    }
  }

  async close({ remove = false }: { readonly remove?: boolean } = {}): Promise<void> {
    await this.underWay.settle();
    await this.file.close();
    if (remove) await this.place.system.remove(this.place.folder);
  }
}
