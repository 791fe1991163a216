/** @file What a spool tells of itself so that a later process can go on with it, and how that is taken up again. */
import { crc32 } from "node:zlib";
import { SegError } from "../errors.js";
import { type BlockIndex, START_AGAIN } from "./block-store.js";

/** What became part of a spool between two commits: plain data, to be kept as JSON by the caller. */
export interface SpoolCommit {
  /** Bytes of the spool. */
  readonly length: number;
  /** Offset and length of each new block in the spool, both 0 for one of nothing but nodata, and the CRC-32 of its bytes. */
  readonly blocks: readonly (readonly [index: number, offset: number, length: number, crc32: number])[];
}

/** Takes over the blocks of all commits into the index and marks them whole; SegError, naming the block, where one is not in the file as it was. */
export async function restoreCommits(
  subject: string,
  commits: readonly SpoolCommit[],
  blocks: BlockIndex,
  whole: Uint8Array,
): Promise<void> {
  for (const [index, offset, length, checksum] of commits.flatMap((commit) => commit.blocks)) {
    const isPlaced = index >= 0 && index < blocks.count && whole[index] === 0 && offset + length <= blocks.file.length;
    if (!isPlaced) throw damaged(subject, index);
    blocks.set(index, { offset, length, crc32: checksum });
    if (length > 0 && crc32(await blocks.read(index)) !== checksum) throw damaged(subject, index);
    whole[index] = 1;
  }
}

const damaged = (subject: string, index: number) =>
  new SegError(subject, `block ${index} of the spool is damaged`, START_AGAIN);
