/**
 * @file JPEG blocks of a TIFF: the shared tables put back, the colour model stated, YCbCr turned into RGB.
 * Source: TIFF Technical Note 2 (abbreviated streams); ITU-T T.81 B.2 (markers); Adobe Technical Note 5116 (APP14).
 */
import { getDecoder } from "geotiff";
import sharp from "sharp";
import type { PixelArray } from "../../contract.js";
import { type BlockForm, isHigh } from "./layout.js";

const YCBCR = 6;

/** Samples [rows, blockWidth, samples]; colour (photometric YCbCr) comes out as RGB, as GDAL gives it. */
export async function decodeJpeg(packed: Buffer, form: BlockForm, rows: number, samples: number): Promise<PixelArray> {
  if (form.bits !== 8) throw new Error(`a JPEG block of ${form.bits} bits`);
  checkFrame(packed, form, rows, samples);
  if (samples === 1 || samples === 3) return decodeColour(packed, form, rows, samples);
  const parameters = { tileWidth: 1, tileHeight: 1, predictor: 1, bitsPerSample: 8, planarConfiguration: 1 };
  const tables = form.jpegTables && { JPEGTables: new Uint8Array(form.jpegTables) };
  const decoder = await getDecoder(7, { ...parameters, ...tables });
  const data = new Uint8Array(await decoder.decode(new Uint8Array(packed).buffer));
  const length = form.blockWidth * rows * samples;
  if (data.length < length) throw new Error("a JPEG block is of another size");
  return data.subarray(0, length);
}

/** Compares the frame header with the block before a decoder allocates for it. */
function checkFrame(packed: Buffer, form: BlockForm, rows: number, samples: number): void {
  const width = form.blockWidth;
  for (let at = 2; at + 10 < packed.length && packed[at] === 0xff; ) {
    const marker = packed[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const [high, wide, components] = [packed.readUInt16BE(at + 5), packed.readUInt16BE(at + 7), packed[at + 9]];
      if (isHigh(high, rows, form) && wide === width && components === samples) return;
      throw new Error(`a JPEG block is ${wide} x ${high} x ${components}, not ${width} x ${rows} x ${samples}`);
    }
    at += 2 + packed.readUInt16BE(at + 2);
  }
  throw new Error("a JPEG block has no frame header");
}

async function decodeColour(packed: Buffer, form: BlockForm, rows: number, samples: number): Promise<PixelArray> {
  const stream = Buffer.concat([startOfImage(samples, form.photometric), tables(form.jpegTables), packed.subarray(2)]);
  const image = sharp(stream, {
    limitInputPixels: form.blockWidth * form.blockHeight,
    failOn: "truncated",
    ignoreIcc: true,
  });
  if (samples === 1) image.toColourspace("b-w"); // else libvips makes three equal bands of it
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  if (info.width !== form.blockWidth || !isHigh(info.height, rows, form) || info.channels !== samples) {
    throw new Error(`a JPEG block decodes to ${info.width} x ${info.height} x ${info.channels}`);
  }
  return new Uint8Array(data.buffer, data.byteOffset, rows * info.width * samples);
}

/** SOI, and for colour an Adobe marker: without it decoders guess YCbCr or RGB from component names. */
function startOfImage(samples: number, photometric: number): Buffer {
  if (samples !== 3) return Buffer.from([0xff, 0xd8]);
  const transform = photometric === YCBCR ? 1 : 0;
  const name = [0x41, 0x64, 0x6f, 0x62, 0x65];
  return Buffer.from([0xff, 0xd8, 0xff, 0xee, 0, 14, ...name, 0, 100, 0, 0, 0, 0, transform]);
}

/** The segments between SOI and EOI of the tables-only stream. */
function tables(stream: Buffer | undefined): Buffer {
  return stream && stream.length >= 4 ? stream.subarray(2, stream.length - 2) : Buffer.alloc(0);
}
