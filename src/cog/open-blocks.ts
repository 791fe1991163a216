/** @file Blocks whose pixels have come in part: rectangles go in, blocks come out as soon as they are whole. */
import { emptyBlock } from "./codec.js";
import { extentOf, type Level, type Rectangle } from "./levels.js";
import type { Plan } from "./options.js";
import { SAMPLE_TYPES, type Samples } from "./samples.js";

interface OpenBlock {
  readonly samples: Samples; // [side, side, bands]
  /** 1 where a pixel has come. [height, width] of the block's extent */
  readonly covered: Uint8Array;
  missing: number;
}

/** A block all of whose pixels have come. */
export interface WholeBlock {
  readonly index: number;
  readonly samples: Samples;
}

/** Keeps the blocks that lack pixels. */
export class OpenBlocks {
  private readonly open = new Map<number, OpenBlock>();

  constructor(
    private readonly plan: Plan,
    private readonly level: Level,
  ) {}

  /** Puts a rectangle's samples [height, width, bands] into place and yields what became whole; blocks that `isWhole` names are passed by. */
  *add(part: Rectangle, samples: Samples, isWhole: (index: number) => boolean): Generator<WholeBlock> {
    this.check(part, samples);
    const { blockSize } = this.plan;
    const [left, right] = [Math.floor(part.x / blockSize), Math.ceil((part.x + part.width) / blockSize)];
    const [top, bottom] = [Math.floor(part.y / blockSize), Math.ceil((part.y + part.height) / blockSize)];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const index = row * this.level.across + column;
        if (isWhole(index)) continue;
        const whole = this.fill(index, part, samples);
        if (whole) yield { index, samples: whole };
      }
    }
  }

  private check({ x, y, width, height }: Rectangle, samples: Samples): void {
    const { plan, level } = this;
    const inside =
      x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= level.width && y + height <= level.height;
    if (!inside || ![x, y, width, height].every(Number.isInteger))
      throw new Error(`internal: ${width} x ${height} pixels at ${x},${y} of ${level.width} x ${level.height}`);
    if (!(samples instanceof SAMPLE_TYPES[plan.dtype].array))
      throw new Error(`internal: samples are a ${(samples as Samples).constructor.name}, not of ${plan.dtype}`);
    if (samples.length !== width * height * plan.bands)
      throw new Error(`internal: ${samples.length} samples for ${width} x ${height} pixels of ${plan.bands} bands`);
  }

  /** The block's samples if the part completes it. */
  private fill(index: number, part: Rectangle, samples: Samples): Samples | undefined {
    const extent = extentOf(this.level, this.plan.blockSize, index);
    const shared = intersection(extent, part);
    const block = this.open.get(index) ?? {
      samples: emptyBlock(this.plan),
      covered: new Uint8Array(extent.width * extent.height),
      missing: extent.width * extent.height,
    };
    copy(this.plan, shared, { area: part, samples }, { area: extent, samples: block.samples });
    if (shared.width * shared.height === extent.width * extent.height) block.missing = 0;
    else block.missing -= cover(block.covered, extent, shared);
    if (block.missing === 0) this.open.delete(index);
    else this.open.set(index, block);
    return block.missing === 0 ? block.samples : undefined;
  }
}

function intersection(a: Rectangle, b: Rectangle): Rectangle {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  return { x, y, width, height: Math.min(a.y + a.height, b.y + b.height) - y };
}

interface Piece {
  readonly area: Rectangle;
  readonly samples: Samples;
}

/** Copies the shared pixels; rows of the block are as long as it has room for. */
function copy({ bands, blockSize }: Plan, shared: Rectangle, from: Piece, to: Piece): void {
  const length = shared.width * bands;
  for (let y = shared.y; y < shared.y + shared.height; y++) {
    const source = ((y - from.area.y) * from.area.width + shared.x - from.area.x) * bands;
    const target = ((y - to.area.y) * blockSize + shared.x - to.area.x) * bands;
    to.samples.set(from.samples.subarray(source, source + length), target);
  }
}

/** Marks pixels as come; returns how many of them are new: overlapping rectangles may bring one twice. */
function cover(covered: Uint8Array, extent: Rectangle, shared: Rectangle): number {
  let fresh = 0;
  for (let y = shared.y - extent.y; y < shared.y - extent.y + shared.height; y++) {
    const start = y * extent.width + shared.x - extent.x;
    for (let i = start; i < start + shared.width; i++) {
      fresh += 1 - covered[i];
      covered[i] = 1;
    }
  }
  return fresh;
}
