/**
 * @file A raster at another pixel size, read in windows: averages over areas where pixels grow, bilinear where they shrink, from the coarsest
 * overview that is fine enough. A pixel depends on its place alone, never on the window it is read in. Units: pixels, ground units of the grid.
 */
import type { Raster } from "../contract.js";
import { SegError } from "../errors.js";
import { allocate, type GeoRaster, moveGrid, requirePlace } from "./geotiff/index.js";
import { type AxisTaps, axisTaps, type Kernel } from "./resample-taps.js";
import { emptyRaster, viewOf } from "./view.js";
import type { Window } from "./windows.js";

/** Bytes of source pixels read at a time; a window that needs more is put together from halves. */
const READ_BYTES = 2 ** 26;

/**
 * The raster, or `area` of it, with pixels of a size in ground units; each band is averaged over its valid samples only, and a pixel holds data
 * where at least half of its area does. Palette indices are taken from the nearest pixel. SegError for a raster without a place.
 */
export function resampleRaster(
  raster: GeoRaster,
  pixelSize: number | readonly [number, number],
  area: Window = { x: 0, y: 0, width: raster.width, height: raster.height },
): GeoRaster {
  const plan = planOf(raster, typeof pixelSize === "number" ? [pixelSize, pixelSize] : pixelSize, area);
  const { width, height, scaleX, scaleY } = plan;
  return viewOf(raster, {
    ...{ width, height, grid: moveGrid(raster.grid, { x: area.x, y: area.y, scaleX, scaleY, width, height }) },
    read: async (window, bands) => {
      const wanted = bands ?? Array.from({ length: raster.bands }, (_, i) => i);
      const out = emptyRaster(raster, window, wanted.length);
      await fill({ raster, plan, bands: wanted, out, window }, window);
      return out.valid?.includes(0) ? out : { ...out, valid: undefined };
    },
    mayHoldData: (window) => raster.mayHoldData(sourceWindow(raster, window, area, plan)),
  });
}

interface Plan {
  readonly width: number;
  readonly height: number;
  /** Pixels of the raster in one of the result. */
  readonly scaleX: number;
  readonly scaleY: number;
  readonly level: number;
  /** Taps of the level's columns and rows. */
  readonly columns: (from: number, count: number) => AxisTaps;
  readonly rows: (from: number, count: number) => AxisTaps;
}

function planOf(raster: GeoRaster, [sizeX, sizeY]: readonly [number, number], area: Window): Plan {
  const { transform } = requirePlace(raster.grid, raster.path);
  if (!(sizeX > 0 && sizeY > 0 && Number.isFinite(sizeX) && Number.isFinite(sizeY)))
    throw new SegError(`pixel size ${sizeX} x ${sizeY}`, "is not a positive length", "give it in the raster's units");
  const scaleX = sizeX / Math.hypot(transform[1], transform[4]);
  const scaleY = sizeY / Math.hypot(transform[2], transform[5]);
  const width = Math.max(1, Math.round(area.width / scaleX));
  const height = Math.max(1, Math.round(area.height / scaleY));
  if (width > 2 ** 31 - 1 || height > 2 ** 31 - 1)
    throw new SegError(`pixel size ${sizeX} x ${sizeY}`, `makes ${width} x ${height} pixels`, "choose a larger one");
  const level = raster.colorMap ? 0 : chooseLevel(raster, scaleX, scaleY);
  const of = level === 0 ? raster : raster.overviews[level - 1];
  const [shrinkX, shrinkY] = [raster.width / of.width, raster.height / of.height];
  const kernel: Kernel | undefined = raster.colorMap && "nearest";
  const columns = axisTaps({ origin: area.x / shrinkX, scale: scaleX / shrinkX, length: of.width, kernel });
  const rows = axisTaps({ origin: area.y / shrinkY, scale: scaleY / shrinkY, length: of.height, kernel });
  return { width, height, scaleX, scaleY, level, columns, rows };
}

/** The smallest level whose pixels are no larger than wanted; rounding of an overview's size is let pass. */
function chooseLevel({ width, height, overviews }: GeoRaster, scaleX: number, scaleY: number): number {
  const isFine = (level: { width: number; height: number }) =>
    level.width + 1 > width / scaleX && level.height + 1 > height / scaleY;
  return overviews.findLastIndex(isFine) + 1;
}

/** Pixels of the raster a window of the result is made of. */
function sourceWindow(raster: GeoRaster, window: Window, area: Window, { scaleX, scaleY }: Plan): Window {
  const span = (from: number, count: number, origin: number, scale: number, length: number) => {
    const first = Math.min(length - 1, Math.max(0, Math.floor(origin + from * scale - 1)));
    return [first, Math.min(length, Math.ceil(origin + (from + count) * scale + 1)) - first];
  };
  const [x, width] = span(window.x, window.width, area.x, scaleX, raster.width);
  const [y, height] = span(window.y, window.height, area.y, scaleY, raster.height);
  return { x, y, width, height };
}

interface Job {
  readonly raster: GeoRaster;
  readonly plan: Plan;
  readonly bands: readonly number[];
  readonly out: Raster;
  /** What `out` covers. */
  readonly window: Window;
}

async function fill(job: Job, part: Window): Promise<void> {
  const { raster, plan, bands } = job;
  const [columns, rows] = [plan.columns(part.x, part.width), plan.rows(part.y, part.height)];
  const sampleBytes = allocate(raster.dtype, 1).BYTES_PER_ELEMENT;
  const bytes = columns.length * rows.length * bands.length * sampleBytes;
  if (bytes > READ_BYTES && (part.width > 1 || part.height > 1)) {
    for (const half of halves(part)) await fill(job, half);
    return;
  }
  const source = { x: columns.start, y: rows.start, width: columns.length, height: rows.length };
  const pixels = await raster.readLevel(plan.level, source, [...bands]);
  for (let band = 0; band < bands.length; band++) resampleBand(job, part, pixels, band, columns, rows);
  settleValidity(job, part, pixels, columns, rows);
}

function halves({ x, y, width, height }: Window): Window[] {
  const half = Math.floor(Math.max(width, height) / 2);
  if (width >= height)
    return [
      { x, y, width: half, height },
      { x: x + half, y, width: width - half, height },
    ];
  return [
    { x, y, width, height: half },
    { x, y: y + half, width, height: height - half },
  ];
}

/** One band: weighted sums along rows, then down columns; samples without data have no weight. */
function resampleBand(job: Job, part: Window, pixels: Raster, band: number, columns: AxisTaps, rows: AxisTaps): void {
  const { out, window, raster } = job;
  const usable = usableSamples(pixels, band, raster.nodata);
  const values = Float64Array.from({ length: pixels.width * pixels.height }, (_, i) =>
    usable && !usable[i] ? 0 : pixels.data[i * pixels.bands + band],
  );
  const sums = separable(values, pixels, columns, rows);
  const weights = usable && separable(Float64Array.from(usable), pixels, columns, rows);
  const isInteger = !(out.data instanceof Float32Array || out.data instanceof Float64Array);
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const i = y * part.width + x;
      const weight = weights ? weights[i] : 1;
      if (weight <= 1e-9) continue; // nodata stays
      const value = sums[i] / weight;
      const at = (part.y - window.y + y) * window.width + part.x - window.x + x;
      out.data[at * out.bands + band] = isInteger ? Math.round(value) : value;
    }
  }
}

/** 1 where a band's sample is data; undefined where all are. */
function usableSamples({ data, bands, valid }: Raster, band: number, nodata: number | undefined) {
  const pixels = data.length / bands;
  const value = data instanceof Float32Array && nodata !== undefined ? Math.fround(nodata) : nodata;
  const usable = new Uint8Array(pixels);
  for (let i = 0, at = band; i < pixels; i++, at += bands) {
    const sample = data[at];
    usable[i] = valid?.[i] === 0 || sample === value || Number.isNaN(sample) ? 0 : 1;
  }
  return usable.includes(0) ? usable : undefined;
}

function settleValidity({ out, window }: Job, part: Window, pixels: Raster, columns: AxisTaps, rows: AxisTaps): void {
  const share = pixels.valid && separable(Float64Array.from(pixels.valid), pixels, columns, rows);
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const at = (part.y - window.y + y) * window.width + part.x - window.x + x;
      if (out.valid) out.valid[at] = share && share[y * part.width + x] < 0.5 - 1e-9 ? 0 : 1;
    }
  }
}

/** Weighted sums of [H, W] values: [rows, columns]. */
function separable(values: Float64Array, size: Raster, columns: AxisTaps, rows: AxisTaps): Float64Array {
  const [across, down] = [columns.taps.length, rows.taps.length];
  const lines = new Float64Array(size.height * across);
  for (const [x, { from, weights }] of columns.taps.entries()) {
    for (let y = 0; y < size.height; y++) {
      let sum = 0;
      for (let k = 0, at = y * size.width + from - columns.start; k < weights.length; k++, at++)
        sum += weights[k] * values[at];
      lines[y * across + x] = sum;
    }
  }
  const out = new Float64Array(down * across);
  for (const [y, { from, weights }] of rows.taps.entries()) {
    for (let k = 0; k < weights.length; k++) {
      const line = (from - rows.start + k) * across;
      for (let x = 0; x < across; x++) out[y * across + x] += weights[k] * lines[line + x];
    }
  }
  return out;
}
