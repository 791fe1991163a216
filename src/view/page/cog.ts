/** @file A cloud-optimised GeoTIFF read by range requests: its sizes, and their blocks as bytes. Decoding is geotiff.js's. */
import type { GeoTIFFImage } from "geotiff";
import { createPieces } from "./pieces.js";
import { type Block, factorsOf, type Level } from "./pyramid.js";

/** The bundle is a script of its own that defines this name. */
declare const GeoTIFF: typeof import("geotiff");

/** An open file. */
export interface Cog {
  /** From the full size down. */
  readonly levels: readonly Level[];
  /** Bytes of a pixel with all its samples. */
  readonly pixelBytes: number;
  block(level: number, column: number, row: number, signal: AbortSignal): Promise<Block>;
}

/** Blocks of files in strips, or in tiles beyond any use. */
const SIDE = 256;
const MOST_SIDE = 1024;

/** Opens a file of this server; `onBytes` hears how much came over the wire. */
export async function openCog(url: string, onBytes: (count: number) => void): Promise<Cog> {
  const file = await GeoTIFF.GeoTIFF.fromSource(createPieces(url, onBytes));
  const count = await file.getImageCount();
  const images: GeoTIFFImage[] = [];
  for (let i = 0; i < count; i++) {
    const image = await file.getImage(i);
    const kind = Number((await image.fileDirectory.loadValue("NewSubfileType")) ?? 0);
    if (i === 0 || (kind & 5) === 1) images.push(image); // reduced copies, but not those of a mask
  }
  images.sort((a, b) => b.getWidth() * b.getHeight() - a.getWidth() * a.getHeight());
  const levels = images.map((image) => levelOf(image, images[0]));
  return {
    levels,
    pixelBytes: Math.max(1, images[0].getBytesPerPixel()),
    block: (level, column, row, signal) => readBlock(images[level], levels[level], column, row, signal),
  };
}

function levelOf(image: GeoTIFFImage, full: GeoTIFFImage): Level {
  const size = { width: image.getWidth(), height: image.getHeight() };
  const isUseful = image.isTiled && Math.max(image.getTileWidth(), image.getTileHeight()) <= MOST_SIDE;
  return {
    ...size,
    ...factorsOf({ width: full.getWidth(), height: full.getHeight() }, size),
    blockWidth: isUseful ? image.getTileWidth() : SIDE,
    blockHeight: isUseful ? image.getTileHeight() : SIDE,
  };
}

async function readBlock(
  image: GeoTIFFImage,
  { width, height, blockWidth, blockHeight }: Level,
  column: number,
  row: number,
  signal: AbortSignal,
): Promise<Block> {
  const [left, top] = [column * blockWidth, row * blockHeight];
  const [right, bottom] = [Math.min(left + blockWidth, width), Math.min(top + blockHeight, height)];
  const data = await image.readRasters({ window: [left, top, right, bottom], interleave: true, signal });
  return { data, width: right - left, height: bottom - top, bands: image.getSamplesPerPixel() };
}
