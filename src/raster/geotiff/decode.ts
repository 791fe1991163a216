/**
 * @file One block of a TIFF decoded to samples: DEFLATE by zlib, JPEG and WebP by libvips, Zstandard and LERC by geotiff.js,
 * LZW and PackBits by ours; every decoder's output is capped at the size the directory promises.
 * Source: TIFF 6.0; TIFF Technical Note 2 (JPEG); https://github.com/Esri/lerc (blob header)
 */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { getDecoder } from "geotiff";
import sharp from "sharp";
import type { PixelArray } from "../../contract.js";
import { decodeJpeg } from "./jpeg.js";
import type { Layout } from "./layout.js";
import { decodeLzw, decodePackBits, zstdBound } from "./lossless.js";
import { toSamples } from "./samples.js";

const inflateAsync = promisify(inflate);
const ZSTD_SLACK = 2 ** 26;

/** Samples [rows, blockWidth, samples of the block] of one compressed block; throws on damaged data. */
export async function decodeBlock(packed: Buffer, layout: Layout, rows: number): Promise<PixelArray> {
  const samples = layout.planar ? 1 : layout.samples;
  const width = layout.blockWidth;
  const size = Math.ceil((width * samples * layout.bits) / 8) * rows;
  if (layout.compression === 7) return decodeJpeg(packed, layout, rows, samples);
  if (layout.compression === 50001) return decodeWebp(packed, width, rows, samples);
  if (layout.compression === 34887) {
    const bytes = await decodeLerc(packed, layout, rows, size);
    return toSamples(bytes, { ...layout, littleEndian: true, predictor: 1 }, rows, width, samples);
  }
  const bytes = await decodeBytes(packed, layout.compression, size);
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

async function decodeZstd(packed: Buffer, size: number): Promise<Buffer> {
  if (zstdBound(packed) > 8 * size + ZSTD_SLACK) throw new Error(`a block claims far more than its ${size} bytes`);
  return libraryDecode(50000, packed, {});
}

/** LERC blobs say their own size; it must be the block's before they are decoded. */
async function decodeLerc(packed: Buffer, layout: Layout, rows: number, size: number): Promise<Buffer> {
  const extra = layout.lercParameters?.[1] ?? 0;
  let blob = packed;
  if (extra === 1) blob = await inflateAsync(packed, { maxOutputLength: 2 * size + 4096 });
  else if (extra === 2) blob = await decodeZstd(packed, size);
  if (blob.toString("latin1", 0, 6) !== "Lerc2 ") throw new Error("a block is not LERC version 2");
  const at = blob.readInt32LE(6) >= 3 ? 14 : 10; // a checksum stands before the size from version 3 on
  if (blob.readInt32LE(at) !== rows || blob.readInt32LE(at + 4) !== layout.blockWidth) {
    throw new Error("a LERC block is of another size");
  }
  const bytes = await libraryDecode(34887, blob, {
    LercParameters: [4, 0],
    planarConfiguration: layout.planar ? 2 : 1,
  });
  if (bytes.length !== size) throw new Error("a LERC block holds another type");
  return bytes;
}

async function libraryDecode(compression: number, packed: Buffer, parameters: object): Promise<Buffer> {
  const defaults = { tileWidth: 1, tileHeight: 1, predictor: 1, bitsPerSample: 8, planarConfiguration: 1 };
  const decoder = await getDecoder(compression, { ...defaults, ...parameters });
  const own = new Uint8Array(packed); // a copy of its own: the decoders read from the start of the buffer
  return Buffer.from(await decoder.decode(own.buffer));
}

async function decodeWebp(packed: Buffer, width: number, rows: number, samples: number): Promise<PixelArray> {
  const image = sharp(packed, { limitInputPixels: width * rows, failOn: "truncated" });
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  if (info.format === undefined || info.width !== width || info.height !== rows || info.channels < samples) {
    throw new Error("a WebP block is of another size");
  }
  if (info.channels === samples) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  throw new Error(`a WebP block has ${info.channels} bands, not ${samples}`);
}
