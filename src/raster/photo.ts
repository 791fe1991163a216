/**
 * @file Photos and masks from files. Photos are decoded by libvips (sharp) exactly as Pillow decodes them: no colour
 * management, no rotation. Masks keep the values stored in the file: PNG palettes as indices, TIFF samples as they are.
 */
import { open, readFile } from "node:fs/promises";
import sharp, { type Metadata } from "sharp";
import type { Raster } from "../contract.js";
import { SegError } from "../errors.js";
import { openGeoTiff } from "./geotiff/index.js";
import { decodePng, type IndexedImage } from "./png-decode.js";

/** Pixels of one photo or mask; a larger one is a scene and belongs in a GeoTIFF, which is read in windows. */
export const MAX_PIXELS = 2 ** 28;

const PHOTO_FORMATS = ["jpeg", "png", "webp", "gif", "heif"];

/** How a photo is read. */
export interface PhotoOptions {
  /** Told of what is left alone though it may surprise: an EXIF rotation. */
  readonly warn?: (message: string) => void;
}

/**
 * A photo as uint8 RGB [H, W, 3]. Grey becomes three equal bands; alpha is dropped, fully transparent pixels are not `valid`.
 * A TIFF keeps its bands (grey: three). Throws SegError for damaged files, CMYK, 16-bit samples and unknown formats.
 */
export async function readPhoto(path: string, options: PhotoOptions = {}): Promise<Raster> {
  if ((await sniff(path)) === "tiff") return readTiffPhoto(path);
  try {
    const image = sharp(path, { limitInputPixels: MAX_PIXELS, failOn: "truncated", ignoreIcc: true });
    const metadata = await image.metadata();
    checkPhoto(path, metadata);
    warnOfRotation(path, metadata, options);
    const { data, info } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    return toRgb(new Uint8Array(data.buffer, data.byteOffset, data.length), info.width, info.height, info.channels);
  } catch (error) {
    if (error instanceof SegError) throw error;
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw new SegError(path, `not a readable image (${reason})`, "replace the file", undefined, { cause: error });
  }
}

/** Tells of an EXIF rotation in a photo's header. */
export function warnOfRotation(path: string, { orientation = 1 }: Metadata, { warn }: PhotoOptions): void {
  if (orientation !== 1)
    warn?.(`${path}: EXIF asks for a rotation (${orientation}); pixels are used as stored, as masks are`);
}

/** A mask as stored: class indices of a palette or grey PNG, raw RGB of a colour PNG, samples of an integer TIFF. */
export async function readIndexed(path: string): Promise<IndexedImage> {
  const format = await sniff(path);
  if (format === "png") return decodePng(await readBytes(path), path, MAX_PIXELS);
  if (format === "tiff") return readTiffMask(path);
  const known = format === "jpeg" ? "JPEG, which changes label values" : "neither PNG nor TIFF";
  throw new SegError(path, `a mask may not be ${known}`, "store masks as PNG or TIFF");
}

/** Format by the first bytes, whatever the file is called; SegError where the file cannot be opened. */
async function sniff(path: string): Promise<"png" | "jpeg" | "tiff" | "other"> {
  const head = Buffer.alloc(4);
  try {
    const file = await open(path);
    try {
      const { bytesRead } = await file.read(head, 0, 4, 0);
      if (bytesRead === 0) throw new SegError(path, "is empty", "replace the file");
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof SegError ? error : unreadable(path, error);
  }
  const text = head.toString("latin1");
  if (text === "\x89PNG") return "png";
  if (text.startsWith("\xff\xd8")) return "jpeg";
  return ["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(text) ? "tiff" : "other";
}

function unreadable(path: string, cause: unknown): SegError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const reason = code === "ENOENT" ? "no such file" : `cannot be read (${code})`;
  return new SegError(path, reason, "check the path", undefined, { cause });
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function checkPhoto(path: string, { format, space, depth, width, height }: Metadata): void {
  if (!PHOTO_FORMATS.includes(format ?? "")) {
    throw new SegError(path, `${format ?? "this format"} is not read as a photo`, `convert it to PNG or JPEG`);
  }
  if (space === "cmyk") throw new SegError(path, "has CMYK colours", "convert it to RGB");
  if (depth !== "uchar" && depth !== undefined) {
    throw new SegError(
      path,
      `has ${depth === "ushort" ? "16-bit" : depth} samples`,
      "convert it to 8 bits, or to GeoTIFF",
    );
  }
  if ((width ?? 0) * (height ?? 0) > MAX_PIXELS) {
    throw new SegError(path, `${width} x ${height} pixels are more than ${MAX_PIXELS}`, "convert it to GeoTIFF");
  }
}

/** Drops alpha (bands 2 and 4) and spreads grey (1 and 2) over three bands. */
function toRgb(data: Uint8Array, width: number, height: number, channels: number): Raster {
  if (channels === 3) return { data, width, height, bands: 3 };
  const pixels = width * height;
  const rgb = new Uint8Array(pixels * 3);
  const green = channels >= 3 ? 1 : 0;
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + green];
    rgb[to + 2] = data[from + 2 * green];
  }
  const valid = channels === 2 || channels === 4 ? opaque(data, pixels, channels) : undefined;
  return { data: rgb, width, height, bands: 3, ...(valid && { valid }) };
}

/** Validity from alpha; undefined where every pixel shows. */
function opaque(data: Uint8Array, pixels: number, channels: number): Uint8Array | undefined {
  const valid = new Uint8Array(pixels);
  let hidden = 0;
  for (let i = 0, at = channels - 1; i < pixels; i++, at += channels) {
    valid[i] = data[at] === 0 ? 0 : 1;
    hidden += 1 - valid[i];
  }
  return hidden > 0 ? valid : undefined;
}

async function readTiffPhoto(path: string): Promise<Raster> {
  const raster = await readWholeTiff(path);
  const { data, width, height, bands, valid } = raster;
  if (!(data instanceof Uint8Array)) {
    throw new SegError(path, "does not hold 8-bit samples", "read it with --dataset geotiff, or convert it to 8 bits");
  }
  if (bands !== 1) return raster;
  return { ...toRgb(data, width, height, 1), ...(valid && { valid }) };
}

async function readTiffMask(path: string): Promise<IndexedImage> {
  const { data, width, height, bands } = await readWholeTiff(path);
  if (!(data instanceof Uint8Array) && !(data instanceof Uint16Array)) {
    throw new SegError(path, "a mask holds unsigned 8- or 16-bit integers, this one does not", "convert it to uint8");
  }
  return { data, width, height, bands };
}

async function readWholeTiff(path: string): Promise<Raster> {
  const source = await openGeoTiff(path);
  try {
    const { width, height } = source;
    if (width * height > MAX_PIXELS) {
      throw new SegError(
        path,
        `${width} x ${height} pixels are more than ${MAX_PIXELS}`,
        "read it with --dataset geotiff",
      );
    }
    return await source.read({ x: 0, y: 0, width, height });
  } finally {
    await source.close();
  }
}
