/**
 * @file A GeoTIFF opened for reading in windows: its pixels, where they lie, and which of them hold data.
 * Source: TIFF 6.0; OGC GeoTIFF 1.1; GDAL's GTiff driver documentation (nodata tag 42113, metadata 42112, internal masks).
 */
import type { Raster } from "../../contract.js";
import type { RemoteTraffic } from "../remote/index.js";
import type { Window } from "../windows.js";
import { type BlockCache, createBlockCache, type ReadStats } from "./block-cache.js";
import { type BlockReader, createBlockReader } from "./blocks.js";
import { type Directory, readDirectories } from "./directory.js";
import { bandNamesOf, metadataOf } from "./gdal-xml.js";
import { type Grid, readGrid } from "./georeference.js";
import { allocate, type Layout, readLayout, type SampleType } from "./layout.js";
import { type Level, readLevels } from "./levels.js";
import { openSidecars, type Sidecars } from "./sidecars.js";
import { type ByteSource, damaged, openSource, type SourceOptions } from "./source.js";
import { parseNodata, validityOf } from "./validity.js";

const CACHE_BYTES = 192 * 2 ** 20;
const MOST_TEXT = 2 ** 24;

/** How a GeoTIFF is opened. */
export interface OpenOptions extends SourceOptions {
  /** An alpha band is a mask (default) or a band as any other: some files mark infrared as alpha. */
  readonly alpha?: "mask" | "band";
  /** Decoded blocks held, in bytes, those being decoded included; default 192 MiB. One block is held however large it is. */
  readonly cacheBytes?: number;
}

/** Pixels on a grid, read in windows: an open GeoTIFF, or a view of one. */
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
  /** GDAL's metadata items: of the file by name, of a band (0-based) as `BAND:NAME`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** RGB triples of a palette image, whose samples stay indices. */
  readonly colorMap?: Uint8Array;
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** Compression code of the pixels (TIFF tag 259). */
  readonly compression: number;
  /** Smaller copies of the whole, largest first, in pixels; a view has none. */
  readonly overviews: readonly { readonly width: number; readonly height: number }[];
  /**
   * A window inside the raster, with the bands named (0-based; default all). `valid` is 0 where the internal mask or alpha is,
   * else where every band read is nodata, and where a band is NaN; it is absent where all pixels hold data.
   */
  read(window: Window, bands?: readonly number[]): Promise<Raster>;
  /** As `read`, of level 0 (the raster itself) or of overviews[level - 1], in that level's pixels. */
  readLevel(level: number, window: Window, bands?: readonly number[]): Promise<Raster>;
  /** False where it is known, without reading pixels, that none of the window holds data. */
  mayHoldData(window: Window): boolean;
  /** What reading has cost so far. */
  stats(): ReadStats;
  /** What was fetched of a remote file; absent for local ones. */
  traffic?(): RemoteTraffic;
  /** What tells this version of the file, and of those beside it, from another: size, and ETag or time of the last change. */
  readonly identity: string;
  /** Files beside it that are read too: overviews, a mask. */
  readonly sidecars: readonly string[];
  close(): Promise<void>;
}

/** Opens a GeoTIFF (or plain TIFF), local or http(s). Throws SegError, naming the file and the cause, for what cannot be read. */
export async function openGeoTiff(path: string, options: OpenOptions = {}): Promise<GeoRaster> {
  const source = await openSource(path, options);
  let sidecars: Sidecars | undefined;
  try {
    sidecars = await openSidecars(source);
    return await describe(source, sidecars, options);
  } catch (error) {
    await sidecars?.close();
    await source.close();
    throw error;
  }
}

async function describe(source: ByteSource, sidecars: Sidecars, options: OpenOptions): Promise<GeoRaster> {
  const levels = await readLevels(await readDirectories(source), sidecars);
  const main = levels[0].image;
  const layout = await readLayout(main, source);
  const cache = createBlockCache(options.cacheBytes ?? CACHE_BYTES);
  const alpha = alphaSample(layout);
  const hidden = (options.alpha ?? "mask") === "mask" ? alpha : undefined;
  const bands = layout.samples - (hidden === undefined ? 0 : 1);
  const nodata = parseNodata(await main.text(42113, MOST_TEXT));
  const metadata = await main.text(42112, MOST_TEXT);
  const file = { cache, bands, alpha: hidden, ...(nodata !== undefined && { nodata }) };
  const full = await openLevel(file, levels[0], layout);
  const opened = new Map<number, Promise<OpenLevel>>([[0, Promise.resolve(full)]]);
  const open = (level: number) => remember(opened, level, () => openLevel(file, levels[level], undefined, layout));
  const all = Array.from({ length: bands }, (_, i) => i);
  return {
    ...{ path: source.path, width: layout.width, height: layout.height, bands, dtype: layout.type, nodata },
    grid: await readGrid(main, layout.width, layout.height),
    hasAlpha: alpha !== undefined,
    bandNames: bandNamesOf(metadata, bands),
    metadata: metadataOf(metadata),
    colorMap: layout.photometric === 3 ? await colorMap(main, source, layout.bits) : undefined,
    blockWidth: layout.blockWidth,
    blockHeight: layout.blockHeight,
    compression: layout.compression,
    overviews: levels.slice(1).map(({ width, height }) => ({ width, height })),
    read: (window, wanted = all) => readWindow(file, full, window, wanted),
    readLevel: async (level, window, wanted = all) => readWindow(file, await open(level), window, wanted),
    mayHoldData: (window) => mayHoldData(file, full, window),
    stats: cache.stats,
    identity: [source, ...sidecars.files].map(({ identity }) => identity).join("; "),
    sidecars: sidecars.files.map(({ path }) => path),
    ...(source.traffic && { traffic: source.traffic }),
    async close() {
      await source.close();
      await sidecars.close();
    },
  };
}

/** The last sample when it is marked as alpha (ExtraSamples 1 or 2). */
function alphaSample({ extraSamples, samples }: Layout): number | undefined {
  const last = extraSamples[extraSamples.length - 1];
  return samples > 1 && (last === 1 || last === 2) ? samples - 1 : undefined;
}

async function colorMap(directory: Directory, source: ByteSource, bits: number): Promise<Uint8Array> {
  const count = 2 ** bits;
  const values = (await directory.numbers(320, 3 * count)) ?? [];
  if (values.length < 3 * count) throw damaged(source.path, "its colour map is too short");
  return Uint8Array.from({ length: 3 * count }, (_, i) => values[(i % 3) * count + Math.floor(i / 3)] >> 8);
}

/** What the levels of a file have in common. */
interface File {
  readonly cache: BlockCache;
  readonly bands: number;
  readonly nodata?: number;
  /** The sample that serves as the mask. */
  readonly alpha: number | undefined;
}

interface OpenLevel {
  readonly image: BlockReader;
  readonly mask?: BlockReader;
}

function remember<T>(known: Map<number, Promise<T>>, key: number, make: () => Promise<T>): Promise<T> {
  const value =
    known.get(key) ??
    make().catch((error: unknown) => {
      known.delete(key); // a server that failed once may answer the next time
      throw error;
    });
  known.set(key, value);
  return value;
}

async function openLevel(
  { cache, nodata }: File,
  level: Level | undefined,
  known?: Layout,
  main = known,
): Promise<OpenLevel> {
  if (!level) throw new Error("internal: no such overview");
  const { image, mask } = level;
  const layout = known ?? (await readLayout(image, image.source));
  if (layout.type !== main?.type) throw damaged(image.source.path, `an overview is of type ${layout.type}`);
  return {
    image: createBlockReader(image.source, layout, cache, fits(nodata, layout.type) ? nodata : 0),
    ...(mask && { mask: createBlockReader(mask.source, await readLayout(mask, mask.source), cache, 0) }),
  };
}

/** Whether a sample can be this value. */
function fits(nodata: number | undefined, type: SampleType): nodata is number {
  if (nodata === undefined) return false;
  const sample = allocate(type, 1);
  sample[0] = nodata;
  return sample[0] === nodata || Number.isNaN(sample[0]) || sample[0] === Math.fround(nodata);
}

async function readWindow(
  { bands: count, nodata, alpha }: File,
  { image, mask }: OpenLevel,
  window: Window,
  bands: readonly number[],
): Promise<Raster> {
  const { x, y, width, height } = window;
  const { layout } = image;
  const outside = x < 0 || y < 0 || width < 1 || height < 1 || x + width > layout.width || y + height > layout.height;
  if (outside) throw new Error(`internal: window ${x},${y} ${width} x ${height} of ${layout.width} x ${layout.height}`);
  if (bands.some((band) => !(band >= 0 && band < count))) throw new Error(`internal: bands ${bands} of ${count}`);
  const data = await image.read(window, bands);
  const hiding = mask
    ? await mask.read(window, [0])
    : alpha === undefined
      ? undefined
      : await image.read(window, [alpha]);
  const valid = validityOf({ data, bands: bands.length, nodata, mask: hiding });
  return { data, width, height, bands: bands.length, ...(valid && { valid }) };
}

/** Blocks the file leaves out are nodata, and so are those its mask leaves out. */
function mayHoldData({ nodata, alpha }: File, { image, mask }: OpenLevel, window: Window): boolean {
  if (mask) return mask.isPresent(window);
  const known = fits(nodata, image.layout.type);
  const absentIsNoData = alpha === undefined ? known : !known || nodata === 0;
  return !absentIsNoData || image.isPresent(window);
}
