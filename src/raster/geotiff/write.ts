/**
 * @file A tiled, DEFLATE-compressed GeoTIFF written row by row in one pass; BigTIFF where offsets may pass 4 GiB.
 * Source: TIFF 6.0 (tiles, ColorMap), BigTIFF proposal of AWare Systems, GDAL's GTiff driver documentation (tags 42112 and 42113).
 */
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import type { PixelArray } from "../../contract.js";
import { type AtomicFile, withAtomicFile, writeFileAtomic } from "../../files.js";
import type { Color } from "../png.js";
import type { Grid } from "./georeference.js";
import { categoriesXml, metadataXml } from "./gdal-xml.js";
import { directoryBytes, type OutTag, TYPES } from "./write-directory.js";

const compress = promisify(deflate);
const TILE = 256;
/** Above this many uncompressed bytes offsets may not fit into 32 bits. */
const CLASSIC_LIMIT = 4e9;

export interface GeoTiffOptions {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly dtype: "uint8" | "uint16" | "int16" | "float32";
  /** Place of the raster; its tags are carried over as they are. */
  readonly grid?: Grid;
  readonly nodata?: number;
  /** Colours of an 8-bit single-band raster by value. */
  readonly colors?: ReadonlyMap<number, Color>;
  /** GDAL metadata items of the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Names of the values 0, 1, ...: GeoTIFF has no place for them, so they go into PATH.aux.xml, where GDAL looks. */
  readonly categories?: readonly string[];
}

/** Takes whole rows from the top down, interleaved [rows, width, bands]. */
export interface RowWriter {
  write(rows: PixelArray): Promise<void>;
}

/** Writes a GeoTIFF; `fill` must hand over exactly `height` rows. The file is whole or absent. */
export function writeGeoTiff(
  path: string,
  options: GeoTiffOptions,
  fill: (writer: RowWriter) => Promise<void>,
): Promise<void> {
  return withAtomicFile(path, async (file) => {
    const out = new TileRows(file, options);
    await out.begin();
    await fill(out);
    await out.end();
    if (options.categories) await writeFileAtomic(`${path}.aux.xml`, categoriesXml(options.categories));
  });
}

class TileRows implements RowWriter {
  private readonly pixelBytes: number;
  private readonly big: boolean;
  private readonly band: Uint8Array; // TILE rows of the scene
  private readonly offsets: number[] = [];
  private readonly counts: number[] = [];
  private filled = 0;
  private done = 0;
  private position = 0;

  constructor(
    private readonly file: AtomicFile,
    private readonly options: GeoTiffOptions,
  ) {
    this.pixelBytes = options.bands * TYPES[options.dtype].bytes;
    this.band = new Uint8Array(TILE * options.width * this.pixelBytes);
    this.big = options.width * options.height * this.pixelBytes > CLASSIC_LIMIT;
  }

  async begin(): Promise<void> {
    await this.append(Buffer.alloc(this.big ? 16 : 8));
  }

  async write(rows: PixelArray): Promise<void> {
    const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const space = this.band.length - this.filled;
      const part = bytes.subarray(at, at + space);
      this.band.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === this.band.length) await this.flush();
    }
  }

  async end(): Promise<void> {
    if (this.filled > 0) await this.flush();
    const { height } = this.options;
    if (this.done !== height) throw new Error(`internal: ${this.done} of ${height} rows were written`);
    const start = this.position + (this.position % 8 ? 8 - (this.position % 8) : 0);
    await this.append(Buffer.alloc(start - this.position));
    await this.append(directoryBytes(tagsOf(this.options, this.offsets, this.counts), start, this.big));
    await this.file.writeAt(headerBytes(start, this.big), 0);
  }

  private async flush(): Promise<void> {
    const rowBytes = this.options.width * this.pixelBytes;
    const rows = this.filled / rowBytes;
    const columns = Math.ceil(this.options.width / TILE);
    const packed = await Promise.all(Array.from({ length: columns }, (_, column) => compress(this.tile(column, rows))));
    for (const bytes of packed) {
      this.offsets.push(this.position);
      this.counts.push(bytes.length);
      await this.append(bytes);
    }
    this.done += rows;
    this.filled = 0;
  }

  /** One tile, padded with its last column and zeros below. */
  private tile(column: number, rows: number): Uint8Array {
    const { width } = this.options;
    const out = new Uint8Array(TILE * TILE * this.pixelBytes);
    const from = column * TILE;
    const length = Math.min(TILE, width - from) * this.pixelBytes;
    for (let y = 0; y < rows; y++) {
      const start = (y * width + from) * this.pixelBytes;
      out.set(this.band.subarray(start, start + length), y * TILE * this.pixelBytes);
    }
    return out;
  }

  private async append(bytes: Uint8Array): Promise<void> {
    await this.file.writeAt(bytes, this.position);
    this.position += bytes.length;
  }
}

function headerBytes(directory: number, big: boolean): Buffer {
  const header = Buffer.alloc(big ? 16 : 8);
  header.write("II");
  header.writeUInt16LE(big ? 43 : 42, 2);
  if (!big) header.writeUInt32LE(directory, 4);
  else {
    header.writeUInt16LE(8, 4);
    header.writeBigUInt64LE(BigInt(directory), 8);
  }
  return header;
}

function tagsOf(options: GeoTiffOptions, offsets: readonly number[], counts: readonly number[]): OutTag[] {
  const { width, height, bands, dtype, grid, nodata, metadata } = options;
  const { format, bytes } = TYPES[dtype];
  const isRgb = bands >= 3 && dtype === "uint8";
  const extra = bands - (isRgb ? 3 : 1);
  const repeat = (value: number) => Array<number>(bands).fill(value);
  return [
    { tag: 256, type: "long", values: [width] },
    { tag: 257, type: "long", values: [height] },
    { tag: 258, type: "short", values: repeat(8 * bytes) },
    { tag: 259, type: "short", values: [8] },
    { tag: 262, type: "short", values: [options.colors ? 3 : isRgb ? 2 : 1] },
    { tag: 277, type: "short", values: [bands] },
    { tag: 284, type: "short", values: [1] },
    ...(options.colors ? [{ tag: 320, type: "short", values: colorMap(options.colors) } as const] : []),
    { tag: 322, type: "short", values: [TILE] },
    { tag: 323, type: "short", values: [TILE] },
    { tag: 324, type: "offset", values: offsets },
    { tag: 325, type: "offset", values: counts },
    ...(extra > 0 ? [{ tag: 338, type: "short", values: Array<number>(extra).fill(0) } as const] : []),
    { tag: 339, type: "short", values: repeat(format) },
    ...(grid?.tags ?? []).map(({ tag, values }): OutTag => geoTag(tag, values)),
    ...(metadata ? [{ tag: 42112, type: "ascii", values: asLatin1(metadataXml(metadata)) } as const] : []),
    ...(nodata === undefined ? [] : [{ tag: 42113, type: "ascii", values: String(nodata) } as const]),
  ];
}

/** GDAL reads UTF-8; ASCII tags are written byte for byte from Latin-1 text. */
const asLatin1 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

function geoTag(tag: number, values: readonly number[] | string): OutTag {
  if (typeof values === "string") return { tag, type: "ascii", values };
  return { tag, type: tag === 34735 ? "short" : "double", values };
}

/** 256 reds, greens and blues of 16 bits. */
function colorMap(colors: ReadonlyMap<number, Color>): number[] {
  return [0, 1, 2].flatMap((channel) =>
    Array.from({ length: 256 }, (_, value) => (colors.get(value)?.[channel] ?? 0) * 257),
  );
}
