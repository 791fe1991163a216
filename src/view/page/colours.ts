/** @file From samples to the colours they are drawn in: RGBA of classes, and of values from 0 to 1 as greys. */
import type { ClassEntry } from "./meta.js";
import type { Block } from "./pyramid.js";

/** A colour for each byte, as RGBA in the memory order of canvases; 0 is transparent. */
export type ByteColours = Uint32Array;

/** Colours of the classes that are shown; everything else is transparent. */
export function classColours(classes: readonly ClassEntry[], hidden: ReadonlySet<number>): ByteColours {
  const table = new Uint32Array(256);
  for (const { value, color } of classes) if (!hidden.has(value)) table[value] = packed(...color);
  return table;
}

/** Black for 0 up to white for 1; the value that stands for no data is transparent. */
export function greyRamp(scale: number, nodata: number | undefined): ByteColours {
  const table = Uint32Array.from({ length: 256 }, (_, value) => {
    const grey = greyOf(value * scale);
    return packed(grey, grey, grey);
  });
  if (nodata !== undefined && nodata >= 0 && nodata < 256) table[nodata] = 0;
  return table;
}

const greyOf = (share: number): number => Math.round(255 * Math.min(Math.max(share, 0), 1));

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const packed = (r: number, g: number, b: number): number =>
  (isLittleEndian ? (255 << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | 255) >>> 0;

/** RGBA [height, width, 4] of one band of a block by a table; samples of other types than bytes are values from 0 to 1. */
export function paintBand(
  { data, width, height, bands }: Block,
  band: number,
  table: ByteColours,
): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint32Array(width * height);
  const isBytes = data instanceof Uint8Array;
  for (let i = 0, at = band; i < out.length; i++, at += bands) {
    if (isBytes) out[i] = table[data[at]];
    else if (!Number.isNaN(data[at])) out[i] = packed(greyOf(data[at]), greyOf(data[at]), greyOf(data[at]));
  }
  return new Uint8ClampedArray(out.buffer);
}
