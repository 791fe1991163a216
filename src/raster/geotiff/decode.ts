/**
 * @file One block of a TIFF decoded to samples: JPEG and WebP by libvips, which has threads of its own, all else in ours.
 */
import sharp from "sharp";
import type { PixelArray } from "../../contract.js";
import { decodeJpeg } from "./jpeg.js";
import { type BlockForm, isHigh, type Layout, samplesOfBlock } from "./layout.js";
import { createUnpackPool, type StoredBlock } from "./unpack-pool.js";

const unpack = createUnpackPool();

/** By compression code. */
const BY_LIBVIPS: Readonly<Record<number, typeof decodeJpeg>> = { 7: decodeJpeg, 50001: decodeWebp };

/** Samples [rows, blockWidth, samples of the block] of one compressed block; throws on damaged data, and what reading throws. */
export async function decodeBlock(stored: StoredBlock, form: BlockForm, rows: number): Promise<PixelArray> {
  const decode = BY_LIBVIPS[form.compression];
  if (!decode) return unpack(stored, form, rows);
  return decode(await stored.source.read(stored.offset, stored.length), form, rows, samplesOfBlock(form));
}

/** What a block of a layout is decoded by. */
export function formOf(layout: Layout): BlockForm {
  const { samples, type, bits, blockWidth, blockHeight, planar, compression } = layout;
  const { predictor, photometric, littleEndian, jpegTables, lercParameters } = layout;
  return {
    ...{ samples, type, bits, blockWidth, blockHeight, planar, compression },
    ...{ predictor, photometric, littleEndian, jpegTables, lercParameters },
  };
}

async function decodeWebp(packed: Buffer, form: BlockForm, rows: number, samples: number): Promise<PixelArray> {
  const { blockWidth, blockHeight } = form;
  const image = sharp(packed, { limitInputPixels: blockWidth * blockHeight, failOn: "truncated" });
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (info.format === undefined || width !== blockWidth || !isHigh(height, rows, form) || channels < samples) {
    throw new Error("a WebP block is of another size");
  }
  if (channels !== samples) throw new Error(`a WebP block has ${channels} bands, not ${samples}`);
  return new Uint8Array(data.buffer, data.byteOffset, rows * width * samples);
}
