/** @file Decoded samples kept in memory up to a budget, least recently used out first. */
import type { LabelMap, Raster } from "../contract.js";

export interface Decoded {
  readonly image: Raster;
  readonly labels: LabelMap;
}

/** Bytes decoded samples may take. */
export const MEMORY = 2 ** 30;

/** Bytes of pixels. */
export const sizeOfDecoded = ({ image, labels }: Partial<Decoded>): number =>
  (image?.data.byteLength ?? 0) + (labels?.data.byteLength ?? 0);

/** Wraps a decoder of sample i by a memory of at most `budget` bytes; one is decoded at a time. */
export function remember<T extends Partial<Decoded>>(
  decode: (index: number) => Promise<T>,
  budget = MEMORY,
): (index: number) => Promise<T> {
  const kept = new Map<number, T>();
  let used = 0;
  return async (index) => {
    const known = kept.get(index);
    const sample = known ?? (await decode(index));
    if (!known) used += sizeOfDecoded(sample);
    kept.delete(index);
    kept.set(index, sample); // newest last
    for (const [oldest, value] of kept) {
      if (used <= budget || oldest === index) break;
      kept.delete(oldest);
      used -= sizeOfDecoded(value);
    }
    return sample;
  };
}
