/** @file One block between samples [side, side, bands] and its bytes in the file: predictor and DEFLATE, on the threads of Node's pool. */
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import type { Plan } from "./options.js";
import { predict, restore } from "./predictor.js";
import { isNodata, SAMPLE_TYPES, type Samples, viewSamples } from "./samples.js";

const pack = promisify(deflate);
const unpack = promisify(inflate);
const EMPTY = new Uint8Array();

/** A block of nothing but nodata; zeros where the raster has none. */
export function emptyBlock({ dtype, nodata, blockSize, bands }: Plan): Samples {
  const samples = new SAMPLE_TYPES[dtype].array(blockSize * blockSize * bands);
  return nodata === undefined ? samples : samples.fill(nodata);
}

/** The bytes of a block, none for one of nothing but nodata; `samples` are used up. */
export async function encodeBlock(plan: Plan, samples: Samples): Promise<Uint8Array> {
  if (isEmpty(samples, plan.nodata)) return EMPTY;
  predict(plan.predictor, samples, { length: plan.blockSize * plan.bands, bands: plan.bands });
  return pack(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), { level: plan.level });
}

/** The samples of a block that has bytes; rejects where they are damaged. */
export async function decodeBlock(plan: Plan, bytes: Uint8Array): Promise<Samples> {
  const raw = await unpack(bytes, { chunkSize: plan.blockBytes + 64, maxOutputLength: plan.blockBytes });
  if (raw.length !== plan.blockBytes)
    throw new Error(`internal: a block of ${raw.length} bytes, not ${plan.blockBytes}`);
  const samples = viewSamples(plan.dtype, aligned(raw, SAMPLE_TYPES[plan.dtype].array.BYTES_PER_ELEMENT));
  restore(plan.predictor, samples, { length: plan.blockSize * plan.bands, bands: plan.bands });
  return samples;
}

const aligned = (bytes: Buffer<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> =>
  bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);

function isEmpty(samples: Samples, nodata: number | undefined): boolean {
  if (nodata === undefined || !isNodata(samples[0], nodata)) return false;
  for (let i = 0; i < samples.length; i++) if (!isNodata(samples[i], nodata)) return false;
  return true;
}
