/**
 * @file PNG decoder that keeps what is stored: palette indices stay indices, 16 bits stay 16 bits.
 * Source: https://www.w3.org/TR/png-3/ . Needed for masks: image libraries expand palettes to colours.
 * Bounds: chunk lengths against the file, pixels against a limit, the inflated size against the header's.
 */
import { crc32, inflate } from "node:zlib";
import { promisify } from "node:util";
import { SegError } from "../errors.js";

/** Samples as stored, interleaved [H, W, bands]. */
export interface IndexedImage {
  readonly data: Uint8Array | Uint16Array;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  /** RGB triples of a palette image. */
  readonly palette?: Uint8Array;
}

export const PNG_SIGNATURE: readonly number[] = [137, 80, 78, 71, 13, 10, 26, 10];
const BANDS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const inflateAsync = promisify(inflate);

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly bands: number;
  readonly indexed: boolean;
  readonly interlaced: boolean;
}

/** Decodes PNG bytes; `file` names it in errors. Throws SegError for anything that is not a whole, sound PNG. */
export async function decodePng(bytes: Uint8Array, file: string, maxPixels: number): Promise<IndexedImage> {
  const { header, palette, packed } = readChunks(bytes, file, maxPixels);
  const expected = passes(header).reduce((sum, pass) => sum + pass.height * (1 + rowBytes(header, pass.width)), 0);
  let raw: Uint8Array;
  try {
    raw = await inflateAsync(packed, { maxOutputLength: Math.max(expected, 1) });
  } catch (cause) {
    throw corrupt(file, "its compressed data is damaged", cause);
  }
  if (raw.length !== expected) throw corrupt(file, `it holds ${raw.length} of ${expected} bytes of pixels`);
  const data = unpack(raw, header, file);
  const { width, height, bands } = header;
  return { data, width, height, bands, ...(palette && { palette }) };
}

function corrupt(file: string, reason: string, cause?: unknown): SegError {
  return new SegError(file, `not a readable PNG: ${reason}`, "replace the file", undefined, { cause });
}

function readChunks(bytes: Uint8Array, file: string, maxPixels: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (PNG_SIGNATURE.some((byte, i) => bytes[i] !== byte)) throw corrupt(file, "it has no PNG signature");
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  const parts: Uint8Array[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw corrupt(file, "it is cut off");
    const length = view.getUint32(at);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString("latin1");
    if (length > bytes.length - at - 12) throw corrupt(file, `its ${printable(type)} chunk is cut off`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw corrupt(file, `the checksum of its ${printable(type)} chunk is wrong`);
    }
    if (!header && type !== "IHDR") throw corrupt(file, "it does not begin with IHDR");
    if (type === "IHDR") header = readHeader(body, file, maxPixels);
    else if (type === "PLTE") palette = readPalette(body, file);
    else if (type === "IDAT") parts.push(body);
    else if (type === "IEND") break;
    at += 12 + length;
  }
  if (!header || parts.length === 0) throw corrupt(file, "it holds no pixels");
  if (header.indexed && !palette) throw corrupt(file, "its palette is missing");
  return { header, palette: header.indexed ? palette : undefined, packed: Buffer.concat(parts) };
}

const printable = (type: string) => (/^[A-Za-z]{4}$/.test(type) ? type : "unnamed");

function readPalette(body: Uint8Array, file: string): Uint8Array {
  if (body.length === 0 || body.length % 3 !== 0 || body.length > 768) throw corrupt(file, "its palette is malformed");
  return body.slice();
}

function readHeader(body: Uint8Array, file: string, maxPixels: number): Header {
  if (body.length !== 13) throw corrupt(file, "its header is malformed");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [width, height, depth, colour] = [view.getUint32(0), view.getUint32(4), body[8], body[9]];
  if (!DEPTHS[colour]?.includes(depth) || body[10] !== 0 || body[11] !== 0 || body[12] > 1) {
    throw corrupt(file, `its header names an unknown format (colour type ${colour}, ${depth} bits)`);
  }
  if (width === 0 || height === 0) throw corrupt(file, `its size is ${width} x ${height}`);
  if (width * height > maxPixels) {
    throw new SegError(
      file,
      `${width} x ${height} pixels are more than the limit of ${maxPixels}`,
      "cut it into tiles",
    );
  }
  return { width, height, depth, bands: BANDS[colour], indexed: colour === 3, interlaced: body[12] === 1 };
}

interface Pass {
  readonly x: number;
  readonly y: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly width: number;
  readonly height: number;
}

function passes({ width, height, interlaced }: Header): Pass[] {
  if (!interlaced) return [{ x: 0, y: 0, stepX: 1, stepY: 1, width, height }];
  const all = ADAM7.map(([x, y, stepX, stepY]) => ({
    ...{ x, y, stepX, stepY },
    width: Math.ceil((width - x) / stepX),
    height: Math.ceil((height - y) / stepY),
  }));
  return all.filter((pass) => pass.width > 0 && pass.height > 0);
}

const rowBytes = (header: Header, width: number) => Math.ceil((width * header.bands * header.depth) / 8);

function unpack(raw: Uint8Array, header: Header, file: string): Uint8Array | Uint16Array {
  const samples = header.width * header.height * header.bands;
  const out = header.depth === 16 ? new Uint16Array(samples) : new Uint8Array(samples);
  let at = 0;
  for (const pass of passes(header)) {
    const stride = rowBytes(header, pass.width);
    const rows = raw.subarray(at, at + pass.height * (stride + 1));
    unfilter(rows, stride, Math.max(1, (header.bands * header.depth) >> 3), file);
    for (let y = 0; y < pass.height; y++) copyRow(rows.subarray(y * (stride + 1) + 1), header, pass, y, out);
    at += rows.length;
  }
  return out;
}

function copyRow(row: Uint8Array, header: Header, pass: Pass, y: number, out: Uint8Array | Uint16Array): void {
  const { bands, depth, width } = header;
  const to = ((pass.y + y * pass.stepY) * width + pass.x) * bands;
  if (depth === 8 && pass.stepX === 1) {
    out.set(row.subarray(0, width * bands), to);
    return;
  }
  const mask = (1 << depth) - 1;
  for (let x = 0; x < pass.width; x++) {
    for (let b = 0; b < bands; b++) {
      const i = x * bands + b;
      const bit = i * depth;
      const value =
        depth === 16 ? row[2 * i] * 256 + row[2 * i + 1] : (row[bit >> 3] >> (8 - depth - (bit & 7))) & mask;
      out[to + x * pass.stepX * bands + b] = value;
    }
  }
}

/** Undoes the row filters in place; each row is its filter type, then `stride` bytes; `step` is the bytes of a pixel. */
function unfilter(rows: Uint8Array, stride: number, step: number, file: string): void {
  for (let start = 0; start < rows.length; start += stride + 1) {
    const type = rows[start];
    if (type > 4) throw corrupt(file, `row filter ${type} does not exist`);
    for (let i = start + 1; type !== 0 && i <= start + stride; i++) {
      const left = i - start > step ? rows[i - step] : 0;
      const up = start > 0 ? rows[i - stride - 1] : 0;
      const corner = start > 0 && i - start > step ? rows[i - stride - 1 - step] : 0;
      rows[i] += prediction(type, left, up, corner);
    }
  }
}

function prediction(type: number, left: number, up: number, corner: number): number {
  if (type === 1) return left;
  if (type === 2) return up;
  if (type === 3) return (left + up) >> 1;
  return paeth(left, up, corner);
}

/** The neighbour nearest to left + up - corner; ties in that order (PNG filter 4). */
export function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
