/** @file From samples to the colours they are drawn in: RGBA of classes, and of values from 0 to 1 as greys. */
import type { ClassEntry, ProbabilityBand } from "./meta.js";
import type { Block } from "./pyramid.js";

/** Colours of samples, as RGBA in the memory order of canvases; 0 is transparent. */
export interface Colours {
  /** Of every byte. */
  readonly bytes: Uint32Array;
  /** Of a sample of any type. */
  of(sample: number): number;
}

/** Colours of the classes that are shown; everything else is transparent. */
export function classColours(classes: readonly ClassEntry[], hidden: ReadonlySet<number>): Colours {
  const bytes = new Uint32Array(256);
  for (const { value, color } of classes) if (!hidden.has(value)) bytes[value] = packed(...color);
  return { bytes, of: (sample) => bytes[sample] ?? 0 };
}

/** Black for 0 up to white for 1; the sample that stands for no data, and what is no number, are transparent. */
export function greyRamp({ scale, offset }: Omit<ProbabilityBand, "name">, nodata: number | undefined): Colours {
  const of = (sample: number): number => {
    if (sample === nodata || Number.isNaN(sample)) return 0;
    const grey = greyOf(sample * scale + offset);
    return packed(grey, grey, grey);
  };
  return { bytes: Uint32Array.from({ length: 256 }, (_, byte) => of(byte)), of };
}

const greyOf = (share: number): number => Math.round(255 * Math.min(Math.max(share, 0), 1));

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const packed = (r: number, g: number, b: number): number =>
  (isLittleEndian ? (255 << 24) | (b << 16) | (g << 8) | r : (r << 24) | (g << 16) | (b << 8) | 255) >>> 0;

/** RGBA [height, width, 4] of one band of a block. */
export function paintBand(
  { data, width, height, bands }: Block,
  band: number,
  { bytes, of }: Colours,
): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint32Array(width * height);
  const isBytes = data instanceof Uint8Array;
  for (let i = 0, at = band; i < out.length; i++, at += bands) out[i] = isBytes ? bytes[data[at]] : of(data[at]);
  return new Uint8ClampedArray(out.buffer);
}
