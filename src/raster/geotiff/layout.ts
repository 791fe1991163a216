/**
 * @file What one directory says about its pixels: size, samples, blocks, compression; checked against limits and the file.
 * Source: TIFF 6.0 sections 8, 14, 15, 19; compression codes as registered by libtiff and GDAL.
 */
import type { PixelArray } from "../../contract.js";
import type { Directory } from "./directory.js";
import { type ByteSource, damaged, unsupported } from "./source.js";

const MAX_SIDE = 2 ** 31 - 1;
const MAX_BANDS = 4096;
const MAX_TILE_BYTES = 2 ** 26;
const MAX_STRIP_BYTES = 2 ** 29; // old files hold the whole image in one strip

/** What uncompressed strips are cut to. */
const SPLIT_BYTES = 2 ** 18;
const MOST_ROWS = 2 ** 24;

/** Type of a stored sample; integers of 64 bits are given as doubles. */
export type SampleType =
  | "uint1"
  | "uint2"
  | "uint4"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "float32"
  | "float64";

/** Pixels of one directory. Sizes in pixels; a block is a tile, or a strip as wide as the image. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Samples of a pixel, alpha included. */
  readonly samples: number;
  readonly type: SampleType;
  readonly bits: number;
  readonly blockWidth: number;
  readonly blockHeight: number;
  readonly tiled: boolean;
  /** Blocks in a row and in a column. */
  readonly across: number;
  readonly down: number;
  /** Each band in blocks of its own. */
  readonly planar: boolean;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
  readonly compression: number;
  readonly predictor: number;
  readonly photometric: number;
  /** Meaning of samples beyond the colour: 1 and 2 are alpha. */
  readonly extraSamples: readonly number[];
  readonly littleEndian: boolean;
  readonly jpegTables?: Buffer;
  readonly lercParameters?: readonly number[];
}

/** What the decoding of one block depends on: plain data of a few bytes, small enough to be sent to a thread with every block. */
export type BlockForm = Omit<
  Layout,
  "width" | "height" | "tiled" | "across" | "down" | "offsets" | "byteCounts" | "extraSamples"
>;

const REFUSED: Readonly<Record<number, string>> = {
  ...{ 2: "CCITT compression", 3: "fax compression", 4: "fax compression", 6: "old-style JPEG compression" },
  ...{
    34712: "JPEG 2000 compression",
    34892: "lossy DNG compression",
    34925: "LZMA compression",
    50002: "JPEG XL compression",
    52546: "JPEG XL compression",
  },
};
const READ = [1, 5, 7, 8, 32946, 32773, 34887, 50000, 50001];
/** Those whose predictor counts: libtiff ignores the tag for all others. */
const PREDICTED = [5, 8, 32946, 50000];
const MAX_TABLES = 2 ** 20;

/** Reads and checks the layout; throws SegError for what is damaged or not supported, naming it. */
export async function readLayout(directory: Directory, source: ByteSource): Promise<Layout> {
  const { path } = source;
  const width = await directory.number(256, 0);
  const height = await directory.number(257, 0);
  const samples = await directory.number(277, 1);
  if (!inRange(width, MAX_SIDE) || !inRange(height, MAX_SIDE) || !inRange(samples, MAX_BANDS)) {
    throw damaged(path, `its size is ${width} x ${height} x ${samples}`);
  }
  const { type, bits } = await sampleType(directory, samples, path);
  const compression = await directory.number(259, 1);
  if (!READ.includes(compression)) throw unsupported(path, REFUSED[compression] ?? `compression ${compression}`);
  const predictor = PREDICTED.includes(compression) ? await directory.number(317, 1) : 1;
  refusePredictor(predictor, type, bits, path);
  const photometric = await directory.number(262, 1);
  if (photometric === 6 && compression !== 7) throw unsupported(path, "YCbCr colour without JPEG compression");
  if ((await directory.number(266, 1)) !== 1) throw unsupported(path, "reversed bit order");
  const blocks = await readBlocks(directory, source, { width, height, samples, bits, compression });
  return {
    ...{ width, height, samples, type, bits, compression, predictor, photometric, ...blocks },
    extraSamples: (await directory.numbers(338, samples)) ?? [],
    littleEndian: directory.littleEndian,
    jpegTables: (await directory.raw(347, MAX_TABLES))?.bytes,
    lercParameters: await directory.numbers(50674, 2),
  };
}

function refusePredictor(predictor: number, type: SampleType, bits: number, path: string): void {
  if (predictor === 1 || (predictor === 2 && bits >= 8) || (predictor === 3 && type.startsWith("float"))) return;
  const isKnown = predictor === 2 || predictor === 3;
  throw unsupported(path, isKnown ? `predictor ${predictor} of ${type} samples` : `predictor ${predictor}`);
}

const inRange = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;

async function sampleType(directory: Directory, samples: number, path: string) {
  const allBits = (await directory.numbers(258, samples)) ?? [1];
  const formats = (await directory.numbers(339, samples)) ?? [1];
  const [bits, format] = [allBits[0], formats[0] === 4 ? 1 : formats[0]]; // 4: "undefined", read as unsigned
  if (allBits.some((other) => other !== bits)) throw unsupported(path, "a different bit depth per band");
  if (formats.some((other) => other !== formats[0])) throw unsupported(path, "a different type per band");
  const names: Readonly<Record<number, readonly string[]>> = {
    1: ["uint1", "uint2", "uint4", "uint8", "uint16", "uint32", "uint64"],
    2: ["int8", "int16", "int32", "int64"],
    3: ["float16", "float32", "float64"],
  };
  const kind = ["", "uint", "int", "float"][format];
  const type = names[format]?.find((name) => name === `${kind}${bits}`);
  if (type === undefined) {
    const what = format === 5 || format === 6 ? "complex samples" : `${bits}-bit ${kind ?? ""} samples (NBITS)`;
    throw unsupported(path, what.replace("  ", " "));
  }
  return { type: type as SampleType, bits };
}

/** Tags may be of any type: a fraction, or more than a file can hold, is no place. */
const isPlace = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

interface Size {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly bits: number;
  readonly compression: number;
}

async function readBlocks(directory: Directory, source: ByteSource, size: Size) {
  const { width, height, samples, bits, compression } = size;
  const { path } = source;
  const tiled = directory.has(322);
  const blockWidth = tiled ? await directory.number(322, 0) : width;
  const blockHeight = tiled ? await directory.number(323, 0) : Math.min(await directory.number(278, height), height);
  if (!inRange(blockWidth, MAX_SIDE) || !inRange(blockHeight, MAX_SIDE)) {
    throw damaged(path, `its blocks are of ${blockWidth} x ${blockHeight} pixels`);
  }
  const planar = samples > 1 && (await directory.number(284, 1)) === 2;
  const rowBytes = Math.ceil((blockWidth * (planar ? 1 : samples) * bits) / 8);
  const bytes = rowBytes * blockHeight;
  const isTooLarge = bytes > (tiled ? MAX_TILE_BYTES : MAX_STRIP_BYTES);
  if (isTooLarge && (compression !== 1 || tiled)) throw unsupported(path, `a block of ${bytes} bytes`);
  const [across, down] = [Math.ceil(width / blockWidth), Math.ceil(height / blockHeight)];
  const places = await readPlaces(directory, source, tiled, across * down * (planar ? samples : 1));
  const most = mostBytes(bytes, compression);
  const byteCounts = places.byteCounts.map((count) => Math.min(count, most));
  const blocks = { blockWidth, blockHeight, tiled, across, down, planar, offsets: places.offsets, byteCounts };
  if (compression !== 1 || tiled || bytes <= SPLIT_BYTES) return blocks;
  const split = splitStrips(blocks, height, rowBytes, source.size);
  if (!split && isTooLarge) throw unsupported(path, `a block of ${bytes} bytes`);
  return split ?? blocks;
}

/**
 * Bytes read of a block at most, whatever the file says it takes: as libtiff, which limits it too. Noise takes up to 2.4 times its size as JPEG of
 * the highest quality, 1.5 times as LZW, hardly more than its size in all other forms.
 */
const mostBytes = (bytes: number, compression: number): number =>
  compression === 1 ? bytes : (compression === 7 ? 4 : 2) * bytes + 2 ** 16;

/** Where `count` blocks lie. */
async function readPlaces(directory: Directory, { path, size }: ByteSource, tiled: boolean, count: number) {
  const offsets = await directory.numbers(tiled ? 324 : 273, count);
  const stated = await directory.numbers(tiled ? 325 : 279, count);
  const byteCounts = stated ?? (count === 1 && offsets ? [size - offsets[0]] : undefined);
  if (!offsets || !byteCounts) throw damaged(path, "it does not say where its pixels are");
  if (offsets.length < count || byteCounts.length < count) {
    throw damaged(path, `it names ${Math.min(offsets.length, byteCounts.length)} of its ${count} blocks`);
  }
  if (!offsets.every(isPlace) || !byteCounts.every(isPlace)) {
    throw damaged(path, "it says where its pixels are in numbers that are not whole");
  }
  return { offsets, byteCounts };
}

/** Strips without compression can be read in part: many small ones for few large ones, as old files have; undefined where they are not whole. */
function splitStrips<T extends Strips>(blocks: T, height: number, rowBytes: number, fileBytes: number): T | undefined {
  const { blockHeight, down, offsets, byteCounts } = blocks;
  const end = (strip: number) => Math.min(blockHeight, height - (strip % down) * blockHeight);
  const isWhole = (offset: number, strip: number) =>
    offset > 0 && byteCounts[strip] >= end(strip) * rowBytes && offset + byteCounts[strip] <= fileBytes;
  if (offsets.length * blockHeight > MOST_ROWS || !offsets.every(isWhole)) return undefined;
  let rows = Math.max(1, Math.floor(SPLIT_BYTES / rowBytes));
  while (down > 1 && blockHeight % rows !== 0) rows--;
  const parts = offsets.flatMap((offset, strip) =>
    Array.from({ length: Math.ceil(end(strip) / rows) }, (_, part) => {
      const first = part * rows;
      return [offset + first * rowBytes, Math.min(rows, end(strip) - first) * rowBytes] as const;
    }),
  );
  return {
    ...blocks,
    ...{ blockHeight: rows, down: Math.ceil(height / rows) },
    ...{ offsets: parts.map(([offset]) => offset), byteCounts: parts.map(([, count]) => count) },
  };
}

type Strips = Pick<Layout, "blockHeight" | "down" | "offsets" | "byteCounts">;

/** Whether a decoded block may be so high: the last strip of some files is padded to the height of the others. */
export const isHigh = (height: number, rows: number, { blockHeight }: BlockForm): boolean =>
  height >= rows && height <= blockHeight;

/** Blocks of an image, over all its bands. */
export const blockCount = ({ across, down, planar, samples }: Layout): number => across * down * (planar ? samples : 1);

/** Samples of a pixel within one block. */
export const samplesOfBlock = ({ planar, samples }: BlockForm): number => (planar ? 1 : samples);

/** Bytes of a block's row before it is compressed; bits are packed. */
export const rowBytes = (form: BlockForm): number =>
  Math.ceil((form.blockWidth * samplesOfBlock(form) * form.bits) / 8);

/** An array for `length` samples of this type; integers are widened to the next type there is. */
export function allocate(type: SampleType, length: number): PixelArray {
  switch (type) {
    case "uint16":
      return new Uint16Array(length);
    case "uint32":
      return new Uint32Array(length);
    case "int8":
    case "int16":
      return new Int16Array(length);
    case "int32":
      return new Int32Array(length);
    case "float16":
    case "float32":
      return new Float32Array(length);
    case "float64":
    case "int64":
    case "uint64":
      return new Float64Array(length);
    case "uint1":
    case "uint2":
    case "uint4":
    case "uint8":
      return new Uint8Array(length);
    default:
      return type satisfies never;
  }
}
