/**
 * @file Exact statistics of every band: counts of bytes, else moments of each block merged in the order of the blocks, so that the same raster
 * gives the same numbers however it came. Source: Chan, Golub, LeVeque (1979), "Updating formulae and a pairwise algorithm".
 */
import type { Rectangle } from "./levels.js";
import type { Plan } from "./options.js";
import type { Samples } from "./samples.js";

/** Of the pixels of a band that hold data; the standard deviation is that of the population, as GDAL's. */
export interface BandStatistics {
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly standardDeviation: number;
  /** Pixels that hold data, in percent. */
  readonly validPercent: number;
}

/** Sees every block once. */
export interface Statistics {
  /** Measures a block's pixels (undefined: nothing but nodata); the function it returns counts them in, and is to be called in the order of the blocks. */
  see(samples: Samples | undefined, extent: Rectangle): () => void;
  /** One of each band; undefined for a band without data. */
  result(): (BandStatistics | undefined)[];
  /** Pixels by value, 8-bit single-band rasters only. */
  readonly counts?: number[];
}

/** Statistics of a raster that has shown nothing yet. */
export function createStatistics(plan: Plan): Statistics {
  return plan.dtype === "uint8" ? new ByteStatistics(plan) : new MomentStatistics(plan);
}

class ByteStatistics implements Statistics {
  private readonly histograms: Float64Array[]; // a band each

  constructor(private readonly plan: Plan) {
    this.histograms = Array.from({ length: plan.bands }, () => new Float64Array(256));
  }

  get counts(): number[] | undefined {
    return this.plan.bands === 1 ? [...this.histograms[0]] : undefined;
  }

  see(samples: Samples | undefined, extent: Rectangle): () => void {
    for (const [band, histogram] of this.histograms.entries()) {
      if (samples) countBytes(histogram, samples, extent, this.plan, band);
      else histogram[this.plan.nodata ?? 0] += extent.width * extent.height;
    }
    return () => {}; // sums of whole numbers do not depend on the order
  }

  result(): (BandStatistics | undefined)[] {
    const { width, height, nodata } = this.plan;
    return this.histograms.map((histogram) => {
      const entries = [...histogram.entries()].filter(([value, count]) => count > 0 && value !== nodata);
      if (entries.length === 0) return undefined;
      const count = entries.reduce((sum, [, pixels]) => sum + pixels, 0);
      const mean = entries.reduce((sum, [value, pixels]) => sum + value * pixels, 0) / count;
      const squares = entries.reduce((sum, [value, pixels]) => sum + (value - mean) ** 2 * pixels, 0);
      const moments = { count, mean, squares, minimum: entries[0][0], maximum: entries[entries.length - 1][0] };
      return statisticsOf(moments, width * height);
    });
  }
}

/** Four tables in turn: equal neighbours, the rule in class maps, would wait for each other's sum. */
function countBytes(
  histogram: Float64Array,
  samples: Samples,
  { width, height }: Rectangle,
  { blockSize, bands }: Plan,
  band: number,
): void {
  const tables = new Uint32Array(1024);
  for (let y = 0; y < height; y++) {
    let at = y * blockSize * bands + band;
    let x = 0;
    for (; x + 4 <= width; x += 4, at += 4 * bands) {
      tables[samples[at]]++;
      tables[256 + samples[at + bands]]++;
      tables[512 + samples[at + 2 * bands]]++;
      tables[768 + samples[at + 3 * bands]]++;
    }
    for (; x < width; x++, at += bands) tables[samples[at]]++;
  }
  for (let i = 0; i < 1024; i++) histogram[i & 255] += tables[i];
}

/** Count, mean, sum of squared distances from it, and range. */
interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly squares: number;
  readonly minimum: number;
  readonly maximum: number;
}

class MomentStatistics implements Statistics {
  private readonly moments: (Moments | undefined)[];

  constructor(private readonly plan: Plan) {
    this.moments = Array.from({ length: plan.bands }, () => undefined);
  }

  see(samples: Samples | undefined, extent: Rectangle): () => void {
    if (!samples) return () => {};
    const seen = this.moments.map((_, band) => momentsOf(samples, extent, this.plan, band));
    return () => {
      for (const [band, moments] of seen.entries()) this.moments[band] = merged(this.moments[band], moments);
    };
  }

  result(): (BandStatistics | undefined)[] {
    const pixels = this.plan.width * this.plan.height;
    return this.moments.map((moments) => moments && statisticsOf(moments, pixels));
  }
}

/** Two passes over one band of a block: the mean first, then distances from it, which do not cancel. */
function momentsOf(
  samples: Samples,
  { width, height }: Rectangle,
  { blockSize, bands, nodata }: Plan,
  band: number,
): Moments | undefined {
  const values = new Float64Array(width * height);
  const none = nodata ?? Number.NaN; // equal to nothing; a number always, which keeps the loop fast
  let count = 0;
  let sum = 0;
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let y = 0; y < height; y++) {
    let at = y * blockSize * bands + band;
    for (let x = 0; x < width; x++, at += bands) {
      const value = samples[at];
      if (value === none || Number.isNaN(value)) continue;
      values[count++] = value;
      sum += value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
  }
  if (count === 0) return undefined;
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
  return { count, mean, squares, minimum, maximum };
}

function merged(a: Moments | undefined, b: Moments | undefined): Moments | undefined {
  if (!a || !b) return a ?? b;
  const count = a.count + b.count;
  const distance = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (distance * b.count) / count,
    squares: a.squares + b.squares + (distance * distance * a.count * b.count) / count,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
  };
}

const statisticsOf = ({ count, mean, squares, minimum, maximum }: Moments, pixels: number): BandStatistics => ({
  ...{ minimum, maximum, mean, standardDeviation: Math.sqrt(squares / count) },
  validPercent: (100 * count) / pixels,
});
