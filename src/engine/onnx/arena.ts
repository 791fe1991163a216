/**
 * @file ONNX Runtime's CPU arena as arithmetic: which pages it touches. It takes regions of growing powers of two from the system, gives out the
 * smallest free chunk that fits, splits it where less than half would be used, and joins neighbours that are free; regions are never given back.
 * Source: microsoft/onnxruntime, onnxruntime/core/framework/bfc_arena.cc, with its default configuration.
 */

const ALIGNMENT = 256;
const PAGE = 4096;
const FIRST_REGION = 2 ** 20;
/** Beyond this a region is as large as what is asked for. */
const LARGEST_POWER = 2 ** 30;
/** A chunk that leaves so much is split, whatever share that is. */
const LARGEST_WASTE = 2 ** 27;

interface Chunk {
  readonly region: Uint8Array;
  readonly offset: number;
  size: number;
  isFree: boolean;
  previous?: Chunk;
  next?: Chunk;
}

/** An arena that hands out handles instead of memory. */
export class Arena {
  private readonly free = new Set<Chunk>();
  private nextRegion = FIRST_REGION;
  private pages = 0;

  /** Bytes of pages that were ever given out. */
  get touched(): number {
    return this.pages * PAGE;
  }

  take(bytes: number): Chunk {
    const size = Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
    const chunk = this.smallest(size) ?? this.extend(size);
    this.free.delete(chunk);
    if (chunk.size >= 2 * size || chunk.size - size >= LARGEST_WASTE) this.split(chunk, size);
    chunk.isFree = false;
    this.touch(chunk, size);
    return chunk;
  }

  give(chunk: Chunk): void {
    let whole = chunk;
    whole.isFree = true;
    if (whole.next?.isFree) this.join(whole, whole.next);
    if (whole.previous?.isFree) {
      this.join(whole.previous, whole);
      whole = whole.previous;
    }
    this.free.add(whole);
  }

  /** The smallest free chunk that fits. */
  private smallest(size: number): Chunk | undefined {
    let found: Chunk | undefined;
    for (const chunk of this.free) {
      if (chunk.size >= size && (!found || chunk.size < found.size)) found = chunk;
    }
    return found;
  }

  private extend(size: number): Chunk {
    const isGrown = size > this.nextRegion;
    while (size > this.nextRegion && this.nextRegion < LARGEST_POWER) this.nextRegion *= 2;
    const length = Math.max(size, this.nextRegion);
    if (!isGrown && this.nextRegion < LARGEST_POWER) this.nextRegion *= 2;
    const region = new Uint8Array(Math.ceil(length / PAGE));
    return { region, offset: 0, size: length, isFree: true };
  }

  private split(chunk: Chunk, size: number): void {
    const { region, offset, next } = chunk;
    const rest: Chunk = { region, offset: offset + size, size: chunk.size - size, isFree: true, previous: chunk, next };
    if (next) next.previous = rest;
    chunk.next = rest;
    chunk.size = size;
    this.free.add(rest);
  }

  private join(first: Chunk, second: Chunk): void {
    this.free.delete(first);
    this.free.delete(second);
    first.size += second.size;
    first.next = second.next;
    if (second.next) second.next.previous = first;
  }

  private touch({ region, offset }: Chunk, size: number): void {
    const last = Math.ceil((offset + size) / PAGE);
    for (let page = Math.floor(offset / PAGE); page < last; page++) {
      if (region[page]) continue;
      region[page] = 1;
      this.pages++;
    }
  }
}
