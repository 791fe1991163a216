/**
 * @file One block of a TIFF unpacked without loss: DEFLATE by zlib, Zstandard and LERC by their authors' code in WebAssembly, LZW and PackBits by ours;
 * every output is capped at the size the directory promises. It runs in threads, so it depends on little. Source: TIFF 6.0
 */
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { ZSTDDecoder } from "zstddec";
import type { PixelArray } from "../../contract.js";
import { type BlockForm, rowBytes } from "./layout.js";
import { decodeLerc } from "./lerc.js";
import { decodeLzw, decodePackBits } from "./lzw.js";
import { toSamples } from "./samples.js";

/** What zlib's output is made larger by. */
const SPARE_BYTES = 64;

/** zlib's inflate: at once in a thread, else beside whatever waits for it. */
export type Inflate = (packed: Buffer, options: InflateOptions) => Buffer | Promise<Buffer>;

interface InflateOptions {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
}

const inflateAsync: Inflate = promisify(inflate);
const zstd = new ZSTDDecoder();

/** Samples [rows, blockWidth, samples of the block] of one compressed block; throws on damaged data. */
export async function unpackBlock(
  packed: Buffer,
  form: BlockForm,
  rows: number,
  inflate = inflateAsync,
): Promise<PixelArray> {
  const unpackDeflate = (bytes: Buffer, size: number) => inflate(bytes, inflateOptions(size));
  if (form.compression === 34887) return decodeLerc(packed, form, rows, [unpackDeflate, unpackZstd]);
  const stride = rowBytes(form);
  const bytes = await unpackBytes(packed, form.compression, stride * form.blockHeight, unpackDeflate); // some pad the last strip
  if (bytes.length < stride * rows) throw new Error(`a block holds ${bytes.length} of ${stride * rows} bytes`);
  return toSamples(bytes.subarray(0, stride * rows), form, rows);
}

function unpackBytes(
  packed: Buffer,
  compression: number,
  size: number,
  unpackDeflate: (packed: Buffer, size: number) => Buffer | Promise<Buffer>,
): Buffer | Promise<Buffer> {
  switch (compression) {
    case 1:
      return packed;
    case 5:
      return asBuffer(decodeLzw(packed, size));
    case 32773:
      return asBuffer(decodePackBits(packed, size));
    case 50000:
      return unpackZstd(packed, size);
    default:
      return unpackDeflate(packed, size);
  }
}

/** A chunk a little larger than the output: zlib is then called once, not once for every 16 KiB. */
const inflateOptions = (size: number): InflateOptions => ({ maxOutputLength: size, chunkSize: size + SPARE_BYTES });

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** At most `size` bytes: the stream decoder of geotiff.js has no end on some damaged frames. */
async function unpackZstd(packed: Buffer, size: number): Promise<Buffer> {
  await zstd.init();
  return asBuffer(zstd.decode(packed, size));
}

/** A block that keeps no more memory than it has samples: whoever keeps it counts those. */
export const owned = (block: PixelArray): PixelArray =>
  block.buffer.byteLength > block.byteLength + SPARE_BYTES ? block.slice() : block;
