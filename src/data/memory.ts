/** @file Decoded samples kept in memory up to a budget, least recently used out first. */
import type { LabelMap, Raster } from "../contract.js";

export interface Decoded {
  readonly image: Raster;
  readonly labels: LabelMap;
}

/** Wraps a decoder of sample i by a memory of at most `budget` bytes. */
export function remember(
  decode: (index: number) => Promise<Decoded>,
  budget: number,
): (index: number) => Promise<Decoded> {
  const kept = new Map<number, Decoded>();
  let used = 0;
  const sizeOf = ({ image, labels }: Decoded) => image.data.byteLength + labels.data.byteLength;
  return async (index) => {
    const known = kept.get(index);
    const sample = known ?? (await decode(index));
    if (!known) used += sizeOf(sample);
    kept.delete(index);
    kept.set(index, sample); // newest last
    for (const [oldest, value] of kept) {
      if (used <= budget || oldest === index) break;
      kept.delete(oldest);
      used -= sizeOf(value);
    }
    return sample;
  };
}
