/**
 * @file A GeoTIFF opened for reading in windows: its pixels, where they lie, and which of them hold data.
 * Source: TIFF 6.0; OGC GeoTIFF 1.1; GDAL's GTiff driver documentation (nodata tag 42113, metadata 42112, internal masks).
 */
import type { PixelArray, Raster } from "../../contract.js";
import type { Window } from "../windows.js";
import { type BlockReader, createBlockReader } from "./blocks.js";
import { type Directory, readDirectories } from "./directory.js";
import { bandNamesOf, fileItemsOf } from "./gdal-xml.js";
import { type Grid, readGrid } from "./georeference.js";
import { type Layout, readLayout, type SampleType } from "./layout.js";
import { type ByteSource, damaged, openSource } from "./source.js";

const CACHE_BYTES = 2 ** 26;

/** How a GeoTIFF is opened. */
export interface OpenOptions {
  /** An alpha band is a mask (default) or a band as any other: some files mark infrared as alpha. */
  readonly alpha?: "mask" | "band";
  /** Decoded blocks kept, in bytes; default 64 MiB. */
  readonly cacheBytes?: number;
  /** Reads the pixels of this one of `overviews` in place of the full ones; `grid` is then of its size. */
  readonly overview?: number;
}

/** Pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** An open GeoTIFF. */
export interface GeoRaster {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  /** Bands `read` gives: all samples, but an alpha band that serves as the mask. */
  readonly bands: number;
  readonly dtype: SampleType;
  readonly nodata?: number;
  readonly grid: Grid;
  /** Whether a sample is marked as alpha. */
  readonly hasAlpha: boolean;
  /** Names given to the bands in the file; empty strings where there are none. */
  readonly bandNames: readonly string[];
  /** RGB triples of a palette image, whose samples stay indices. */
  readonly colorMap?: Uint8Array;
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** GDAL metadata items of the whole file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Compression code of the pixels (TIFF tag 259). */
  readonly compression: number;
  /** Sizes of the reduced copies the file holds, as stored: usually large to small. */
  readonly overviews: readonly Size[];
  /**
   * A window inside the raster, with the bands named (0-based; default all). `valid` is 0 where the internal mask or alpha is,
   * else where every band read is nodata, and where a band is NaN; it is absent where all pixels hold data.
   */
  read(window: Window, bands?: readonly number[]): Promise<Raster>;
  close(): Promise<void>;
}

/** Opens a local GeoTIFF (or plain TIFF). Throws SegError, naming the file and the cause, for what cannot be read. */
export async function openGeoTiff(path: string, options: OpenOptions = {}): Promise<GeoRaster> {
  const source = await openSource(path);
  try {
    return await describe(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function describe(source: ByteSource, options: OpenOptions): Promise<GeoRaster> {
  const directories = await readDirectories(source);
  const main = directories[0];
  const reduced = await overviewsOf(directories);
  const shown = options.overview === undefined ? main : reduced[options.overview];
  if (!shown) throw new Error(`internal: overview ${options.overview} of ${reduced.length}`);
  const layout = await readLayout(shown, source);
  const nodata = parseNodata(await main.text(42113));
  const alpha = alphaSample(layout);
  const masked = alpha !== undefined && (options.alpha ?? "mask") === "mask";
  const bands = layout.samples - (masked ? 1 : 0);
  const image = createBlockReader(source, layout, options.cacheBytes ?? CACHE_BYTES, nodata ?? 0);
  const mask = await maskReader(directories, layout, source);
  const parts = { image, mask, nodata, alpha: masked ? alpha : undefined, bands, layout };
  return {
    ...{ path: source.path, width: layout.width, height: layout.height, bands, dtype: layout.type, nodata },
    grid: await readGrid(main, layout.width, layout.height),
    hasAlpha: alpha !== undefined,
    bandNames: bandNamesOf(await main.text(42112), bands),
    metadata: fileItemsOf(await main.text(42112)),
    compression: layout.compression,
    overviews: await Promise.all(reduced.map(sizeOf)),
    colorMap: layout.photometric === 3 ? await colorMap(main, source, layout.bits) : undefined,
    blockWidth: layout.blockWidth,
    blockHeight: layout.blockHeight,
    read: (window, wanted) => readWindow(parts, window, wanted ?? Array.from({ length: bands }, (_, i) => i)),
    close: () => source.close(),
  };
}

/** Directories of reduced copies of the image (subfile type 1); not those of its mask. */
async function overviewsOf(directories: readonly Directory[]): Promise<Directory[]> {
  const kinds = await Promise.all(directories.map((directory) => directory.number(254, 0)));
  return directories.filter((_, i) => i > 0 && (kinds[i] & 5) === 1);
}

const sizeOf = async (directory: Directory): Promise<Size> => ({
  width: await directory.number(256, 0),
  height: await directory.number(257, 0),
});

/** GDAL's nodata text; undefined where absent or not a number. */
function parseNodata(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const word = text.trim().toLowerCase();
  if (/^[-+]?nan/.test(word)) return Number.NaN;
  if (/^[-+]?inf/.test(word)) return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = Number(word);
  return word === "" || Number.isNaN(value) ? undefined : value;
}

/** The last sample when it is marked as alpha (ExtraSamples 1 or 2). */
function alphaSample({ extraSamples, samples }: Layout): number | undefined {
  const last = extraSamples[extraSamples.length - 1];
  return samples > 1 && (last === 1 || last === 2) ? samples - 1 : undefined;
}

/** The full-size internal mask: a directory of subfile type 4 and the image's size. */
async function maskReader(directories: Directory[], { width, height }: Layout, source: ByteSource) {
  for (const directory of directories.slice(1)) {
    const kind = await directory.number(254, 0);
    if ((kind & 5) !== 4) continue;
    const layout = await readLayout(directory, source);
    if (layout.width === width && layout.height === height && layout.samples === 1) {
      return createBlockReader(source, layout, 2 ** 24, 0);
    }
  }
  return undefined;
}

async function colorMap(directory: Directory, source: ByteSource, bits: number): Promise<Uint8Array> {
  const values = (await directory.numbers(320)) ?? [];
  const count = 2 ** bits;
  if (values.length < 3 * count) throw damaged(source.path, "its colour map is too short");
  return Uint8Array.from({ length: 3 * count }, (_, i) => values[(i % 3) * count + Math.floor(i / 3)] >> 8);
}

interface Parts {
  readonly image: BlockReader;
  readonly mask: BlockReader | undefined;
  readonly nodata: number | undefined;
  readonly alpha: number | undefined;
  readonly bands: number;
  readonly layout: Layout;
}

async function readWindow(parts: Parts, window: Window, bands: readonly number[]): Promise<Raster> {
  const { x, y, width, height } = window;
  const { layout, image, mask, alpha } = parts;
  const outside = x < 0 || y < 0 || width < 1 || height < 1 || x + width > layout.width || y + height > layout.height;
  if (outside) throw new Error(`internal: window ${x},${y} ${width} x ${height} of ${layout.width} x ${layout.height}`);
  if (bands.some((band) => !(band >= 0 && band < parts.bands)))
    throw new Error(`internal: bands ${bands} of ${parts.bands}`);
  const data = await image.read(window, bands);
  const pixels = width * height;
  let valid: Uint8Array | undefined;
  if (mask) valid = nonZero(await mask.read(window, [0]), pixels);
  else if (alpha !== undefined) valid = nonZero(await image.read(window, [alpha]), pixels);
  else valid = hasData(data, bands.length, pixels, parts.nodata);
  if (mask || alpha !== undefined) valid = withoutNaN(valid, data, bands.length, pixels);
  return { data, width, height, bands: bands.length, ...(valid && { valid }) };
}

function nonZero(mask: PixelArray, pixels: number): Uint8Array | undefined {
  if (!mask.includes(0)) return undefined;
  return Uint8Array.from({ length: pixels }, (_, i) => (mask[i] === 0 ? 0 : 1));
}

function hasData(data: PixelArray, bands: number, pixels: number, nodata: number | undefined): Uint8Array | undefined {
  const floats = data instanceof Float32Array || data instanceof Float64Array;
  const value = data instanceof Float32Array && nodata !== undefined ? Math.fround(nodata) : nodata;
  if (value === undefined || Number.isNaN(value))
    return floats ? withoutNaN(undefined, data, bands, pixels) : undefined;
  if (!data.includes(value)) return floats ? withoutNaN(undefined, data, bands, pixels) : undefined;
  const valid = new Uint8Array(pixels);
  for (let i = 0, at = 0; i < pixels; i++) {
    for (let b = 0; b < bands; b++, at++) if (data[at] !== value) valid[i] = 1;
  }
  return floats ? withoutNaN(valid, data, bands, pixels) : valid;
}

/** Pixels with a NaN in any band do not count: no network takes one. */
function withoutNaN(
  valid: Uint8Array | undefined,
  data: PixelArray,
  bands: number,
  pixels: number,
): Uint8Array | undefined {
  let out = valid;
  for (let at = 0; at < data.length; at++) {
    if (!Number.isNaN(data[at])) continue;
    out ??= new Uint8Array(pixels).fill(1);
    out[Math.floor(at / bands)] = 0;
  }
  return out;
}
