/**
 * @file Band statistics of many rasters in one pass, and the stretch to 0..255 they define.
 * Up to 16-bit integers are counted exactly; other types keep exact moments and a deterministic systematic sample.
 * Percentiles interpolate linearly between ranks, as numpy.percentile does by default.
 */
import type { BandStatistics, PixelArray, Raster } from "../contract.js";

const SAMPLE = 2 ** 18;

/** Collects statistics; the result depends only on the rasters and their order. */
export interface StatisticsCollector {
  /** Counts every valid, finite pixel of a raster [H, W, bands]. */
  add(raster: Raster): void;
  /** 2nd and 98th percentile, mean and population standard deviation per band; undefined before the first valid pixel. */
  result(): BandStatistics | undefined;
}

/** A collector for rasters of `bands` bands. */
export function collectStatistics(bands: number): StatisticsCollector {
  const all = Array.from({ length: bands }, () => new BandCounter());
  return {
    add(raster) {
      if (raster.bands !== bands)
        throw new Error(`internal: statistics of ${bands} bands got a raster of ${raster.bands}`);
      for (const [band, counter] of all.entries()) counter.add(raster, band);
    },
    result() {
      if (all.some((counter) => counter.count === 0)) return undefined;
      const column = (value: (counter: BandCounter) => number) => all.map(value);
      return {
        low: column((counter) => counter.percentile(0.02)),
        high: column((counter) => counter.percentile(0.98)),
        mean: column((counter) => counter.mean),
        std: column((counter) => counter.std),
      };
    },
  };
}

/** Every band mapped linearly so that low becomes 0 and high 255, clamped; float32 to keep 16-bit data's steps. */
export function stretch(raster: Raster, low: readonly number[], high: readonly number[]): Raster {
  const { data, bands } = raster;
  const out = new Float32Array(data.length);
  for (let b = 0; b < bands; b++) {
    const scale = 255 / Math.max(high[b] - low[b], Number.MIN_VALUE);
    for (let i = b; i < data.length; i += bands) out[i] = Math.min(Math.max((data[i] - low[b]) * scale, 0), 255) || 0;
  }
  return { ...raster, data: out };
}

/** Counts one band: a histogram for integers that fit, moments and a thinned sample for the rest. */
class BandCounter {
  count = 0;
  private histogram: Float64Array | undefined;
  private sample: number[] = [];
  private step = 1;
  private shift = 0;
  private sum = 0;
  private squares = 0;

  add({ data, bands, valid }: Raster, band: number): void {
    if (this.count === 0 && isSmall(data)) this.histogram = new Float64Array(2 ** 17);
    if (this.histogram && !isSmall(data)) throw new Error("internal: rasters of different types in one statistic");
    for (let i = 0, at = band; at < data.length; i++, at += bands) {
      const value = data[at];
      if ((valid && valid[i] === 0) || !Number.isFinite(value)) continue;
      if (this.count === 0) this.shift = value; // moments about the first value lose no digits to a large offset
      const offset = value - this.shift;
      this.sum += offset;
      this.squares += offset * offset;
      if (this.histogram) this.histogram[value + 2 ** 15]++;
      else if (this.count % this.step === 0) this.keep(value);
      this.count++;
    }
  }

  get mean(): number {
    return this.shift + this.sum / this.count;
  }

  get std(): number {
    return Math.sqrt(Math.max(0, this.squares / this.count - (this.sum / this.count) ** 2));
  }

  percentile(share: number): number {
    const position = share * ((this.histogram ? this.count : this.sample.length) - 1);
    const rank = Math.floor(position);
    const lower = this.ranked(rank);
    return lower + (this.ranked(Math.ceil(position)) - lower) * (position - rank);
  }

  /** The value of this rank, 0 the smallest. */
  private ranked(rank: number): number {
    if (!this.histogram) return [...this.sample].sort((a, b) => a - b)[rank];
    let seen = 0;
    let bin = 0;
    while (seen + this.histogram[bin] <= rank) seen += this.histogram[bin++];
    return bin - 2 ** 15;
  }

  /** Every step-th value; a full sample drops every second one and doubles the step. */
  private keep(value: number): void {
    this.sample.push(value);
    if (this.sample.length < SAMPLE) return;
    this.sample = this.sample.filter((_, i) => i % 2 === 0);
    this.step *= 2;
  }
}

const isSmall = (data: PixelArray) =>
  data instanceof Uint8Array || data instanceof Uint16Array || data instanceof Int16Array;
