/**
 * @file One block of a TIFF decoded to samples: DEFLATE by zlib, JPEG and WebP by libvips, Zstandard and LERC by their authors' code in
 * WebAssembly, LZW and PackBits by ours; every decoder's output is capped at the size the directory promises. Source: TIFF 6.0
 */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import sharp from "sharp";
import { ZSTDDecoder } from "zstddec";
import type { PixelArray } from "../../contract.js";
import { decodeJpeg } from "./jpeg.js";
import { isHigh, type Layout } from "./layout.js";
import { decodeLerc } from "./lerc.js";
import { decodeLzw, decodePackBits } from "./lossless.js";
import { toSamples } from "./samples.js";

const inflateAsync = promisify(inflate);
const zstd = new ZSTDDecoder();

/** Samples [rows, blockWidth, samples of the block] of one compressed block; throws on damaged data. */
export async function decodeBlock(packed: Buffer, layout: Layout, rows: number): Promise<PixelArray> {
  const samples = layout.planar ? 1 : layout.samples;
  const width = layout.blockWidth;
  const rowBytes = Math.ceil((width * samples * layout.bits) / 8);
  const size = rowBytes * rows;
  if (layout.compression === 7) return decodeJpeg(packed, layout, rows, samples);
  if (layout.compression === 50001) return decodeWebp(packed, layout, rows, samples);
  if (layout.compression === 34887) return decodeLerc(packed, layout, rows, decodeZstd);
  const bytes = await decodeBytes(packed, layout.compression, rowBytes * layout.blockHeight); // some pad the last strip
  if (bytes.length < size) throw new Error(`a block holds ${bytes.length} of ${size} bytes`);
  return toSamples(bytes.subarray(0, size), layout, rows, width, samples);
}

async function decodeBytes(packed: Buffer, compression: number, size: number): Promise<Buffer> {
  switch (compression) {
    case 1:
      return packed;
    case 5:
      return asBuffer(decodeLzw(packed, size));
    case 32773:
      return asBuffer(decodePackBits(packed, size));
    case 50000:
      return decodeZstd(packed, size);
    default:
      return inflateAsync(packed, inflateOptions(size));
  }
}

/** A chunk a little larger than the output: zlib is then called once, not once for every 16 KiB. */
const inflateOptions = (size: number) => ({ maxOutputLength: size, chunkSize: size + 64 });

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** At most `size` bytes: the stream decoder of geotiff.js has no end on some damaged frames. */
async function decodeZstd(packed: Buffer, size: number): Promise<Buffer> {
  await zstd.init();
  return asBuffer(zstd.decode(packed, size));
}

async function decodeWebp(packed: Buffer, layout: Layout, rows: number, samples: number): Promise<PixelArray> {
  const { blockWidth, blockHeight } = layout;
  const image = sharp(packed, { limitInputPixels: blockWidth * blockHeight, failOn: "truncated" });
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (info.format === undefined || width !== blockWidth || !isHigh(height, rows, layout) || channels < samples) {
    throw new Error("a WebP block is of another size");
  }
  if (channels !== samples) throw new Error(`a WebP block has ${channels} bands, not ${samples}`);
  return new Uint8Array(data.buffer, data.byteOffset, rows * width * samples);
}
