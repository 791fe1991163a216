/**
 * @file A raster at another pixel size, read in windows: averages over areas where pixels grow, bilinear where they shrink, from the coarsest
 * overview that is fine enough. A pixel depends on its place alone, never on the window it is read in. Units: pixels, ground units of the grid.
 */
import type { Raster } from "../contract.js";
import { SegError } from "../errors.js";
import { type GeoRaster, moveGrid, requirePlace, type Transform } from "./geotiff/index.js";
import { addLines, createSums, type Piece, pieces, sumRows, type Sums } from "./resample-sums.js";
import { type AxisTaps, axisTaps, type Kernel } from "./resample-taps.js";
import { emptyRaster, viewOf } from "./view.js";
import type { Window } from "./windows.js";

/** Bytes of source pixels at work at a time: a window that needs more is put together from halves, a pixel that does from pieces. */
const READ_BYTES = 2 ** 26;
/** What a sample takes while it is at work, its copies as numbers and their weights included, with some to spare. */
const SAMPLE_BYTES = 24;

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
  if (scaleX > area.width * (1 + 1e-9) || scaleY > area.height * (1 + 1e-9))
    throw tooLarge([sizeX, sizeY], area, transform);
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

/** Metres given for degrees, as a rule. */
function tooLarge([sizeX, sizeY]: readonly [number, number], { width, height }: Window, t: Transform): SegError {
  const [across, down] = [width * Math.hypot(t[1], t[4]), height * Math.hypot(t[2], t[5])].map((length) =>
    Number(length.toPrecision(6)),
  );
  return new SegError(
    `pixel size ${sizeX} x ${sizeY}`,
    `is larger than the region, ${across} x ${down} in its units`,
    "choose a smaller one, in the units of the raster's system (degrees where it is in longitude and latitude)",
  );
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
  const { plan, bands } = job;
  const [columns, rows] = [plan.columns(part.x, part.width), plan.rows(part.y, part.height)];
  const most = Math.floor(READ_BYTES / (bands.length * SAMPLE_BYTES));
  if (columns.length * rows.length > most && (part.width > 1 || part.height > 1)) {
    for (const half of halves(part)) await fill(job, half);
    return;
  }
  const sums = bands.map(() => createSums(part));
  const shares = createSums(part);
  for (const strip of pieces(rows, Math.max(1, Math.floor(most / columns.length)))) {
    const lines = await readLines(job, columns, strip, most);
    for (const [band, line] of lines.bands.entries()) addLines(sums[band], line, rows, strip);
    addLines(shares, lines.valid, rows, strip);
  }
  for (const [band, sum] of sums.entries()) settleBand(job, part, band, sum);
  settleValidity(job, part, shares);
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

/** Sums along some source rows [rows, columns of the result]: of each band, and of the pixels that hold data. */
interface Lines {
  readonly bands: readonly Sums[];
  readonly valid: Sums;
}

/** Sums along source rows, from pieces of at most `most` pixels: the sums are the same however many there are, for they go on from left to right. */
async function readLines(job: Job, columns: AxisTaps, strip: Piece, most: number): Promise<Lines> {
  const { raster, plan, bands } = job;
  const size = { width: columns.taps.length, height: strip.length };
  const lines = { bands: bands.map(() => createSums(size)), valid: createSums(size) };
  for (const piece of pieces(columns, Math.max(1, Math.floor(most / strip.length)))) {
    const source = { x: piece.start, y: strip.start, width: piece.length, height: strip.length };
    const pixels = await raster.readLevel(plan.level, source, [...bands]);
    for (const [band, line] of lines.bands.entries()) {
      const usable = usableSamples(pixels, band, raster.nodata);
      sumRows(line.values, bandOf(pixels, band, usable), pixels.height, columns, piece);
      sumRows(line.weights, usable, pixels.height, columns, piece);
    }
    sumRows(lines.valid.weights, pixels.valid, pixels.height, columns, piece);
  }
  return lines;
}

/** A band's samples, 0 for those without data. */
function bandOf({ data, bands }: Raster, band: number, usable: Uint8Array | undefined): Float64Array {
  const values = new Float64Array(data.length / bands);
  for (let i = 0, at = band; i < values.length; i++, at += bands) if (!usable || usable[i]) values[i] = data[at];
  return values;
}

/** Divides by the weights summed, also where they are 1 but for rounding: else a pixel would depend on its neighbours' having data. */
function settleBand({ out, window }: Job, part: Window, band: number, { values, weights }: Sums): void {
  const isInteger = !(out.data instanceof Float32Array || out.data instanceof Float64Array);
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const i = y * part.width + x;
      if (weights[i] <= 1e-9) continue; // nodata stays
      const value = values[i] / weights[i];
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

function settleValidity({ out, window }: Job, part: Window, { weights }: Sums): void {
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const at = (part.y - window.y + y) * window.width + part.x - window.x + x;
      if (out.valid) out.valid[at] = weights[y * part.width + x] < 0.5 - 1e-9 ? 0 : 1;
    }
  }
}
