/**
 * @file LERC blocks by Esri's decoder, and what libtiff makes of their masks: NaN in floats, an alpha band of 0 and 255.
 * Source: https://github.com/Esri/lerc (blob header); libtiff's LERC codec, tag 50674.
 */
import { decode, getBlobInfo, type LercData, load } from "lerc";
import type { PixelArray } from "../../contract.js";
import { allocate, type BlockForm, isHigh, type SampleType, samplesOfBlock } from "./layout.js";

/** A blob's type numbers. */
const TYPES: Readonly<Partial<Record<SampleType, number>>> = {
  ...{ int8: 0, uint8: 1, int16: 2, uint16: 3, int32: 4, uint32: 5, float32: 6, float64: 7 },
};

/** Opens packed bytes into at most `size`. */
type Unpack = (packed: Buffer, size: number) => Buffer | Promise<Buffer>;

/** Samples [rows, blockWidth, samples of the block]; `inflate` and `unpackZstd` open the frames of LERC_DEFLATE and LERC_ZSTD. Throws on damaged data. */
export async function decodeLerc(
  packed: Buffer,
  form: BlockForm,
  rows: number,
  [inflate, unpackZstd]: readonly [Unpack, Unpack],
): Promise<PixelArray> {
  const samples = samplesOfBlock(form);
  const most = 2 * form.blockWidth * form.blockHeight * samples * (form.bits / 8) + 4096;
  const extra = form.lercParameters?.[1] ?? 0;
  let blob = packed;
  if (extra === 1) blob = await inflate(packed, most);
  else if (extra === 2) blob = await unpackZstd(packed, most);
  await load();
  const bytes = new Uint8Array(blob).buffer; // a copy of its own: the decoder wants a whole buffer
  check(bytes, form, rows, samples);
  return arrange(decode(bytes, { returnInterleaved: true }), form, rows, samples);
}

/** A blob says its own size; it must be the block's before it is decoded. */
function check(bytes: ArrayBuffer, form: BlockForm, rows: number, samples: number): void {
  const { blockWidth, type } = form;
  const { width, height, depthCount, bandCount, dataType } = getBlobInfo(bytes);
  if (width !== blockWidth || !isHigh(height, rows, form)) throw new Error("a LERC block is of another size");
  if (dataType !== TYPES[type]) throw new Error("a LERC block holds another type");
  const count = depthCount * bandCount;
  if (count !== samples && count !== samples - 1) throw new Error(`a LERC block has ${count} bands, not ${samples}`);
}

function arrange({ pixels, mask, bandMasks, depthCount }: LercData, form: BlockForm, rows: number, samples: number) {
  const count = form.blockWidth * rows;
  const [first] = pixels;
  const isReady = pixels.length === 1 && depthCount === samples && !mask && !(first instanceof Int8Array);
  if (isReady && !(first instanceof Uint8ClampedArray)) return first;
  const out = allocate(form.type, count * samples);
  const isFloat = out instanceof Float32Array || out instanceof Float64Array;
  const stored = depthCount * pixels.length;
  for (let sample = 0; sample < samples; sample++) {
    const source = pixels[Math.floor(sample / depthCount)];
    const valid = bandMasks?.[Math.floor(sample / depthCount)] ?? mask;
    for (let i = 0, from = sample % depthCount, to = sample; i < count; i++, from += depthCount, to += samples) {
      const isValid = valid?.[i] !== 0; // without a mask every pixel is
      if (sample >= stored) out[to] = isValid ? 255 : 0;
      else out[to] = isFloat && !isValid ? Number.NaN : source[from];
    }
  }
  return out;
}
