/**
 * @file safetensors files (https://github.com/huggingface/safetensors, README "Format"): 8 bytes of header length, a JSON header, the tensors' bytes.
 * Everything the header claims is checked before a byte is used; ours carry a CRC-32 a tensor in the metadata.
 */
import { createHash } from "node:crypto";
import { type AtomicFile, type FileSystem, withAtomicFile } from "../files.js";
import { sizeOf, type TensorData } from "../graph/tensor.js";
import { CHECKSUMS, hexCrc, makeChecksums, readChecksums } from "./checksums.js";
import { toFloat32 } from "./numbers.js";
import { closeOnError, damaged, openRanges, type RangeFile } from "./reading.js";
import { checkHeader, type Entry, parseHeader } from "./safetensors-header.js";
import type { WeightFile } from "./state.js";

const LARGEST_HEADER = 100e6;

/** Opens a file and checks its header; tensors are read when asked for. Rejects with SegError naming what is wrong. */
export async function openSafetensors(path: string): Promise<WeightFile> {
  const file = await openRanges(path);
  return closeOnError(file, async () => {
    const prefix = await file.read(0, Math.min(8, file.size));
    const length = prefix.length === 8 ? Number(prefix.readBigUInt64LE()) : -1;
    if (!(length >= 2 && length <= Math.min(LARGEST_HEADER, file.size - 8)))
      throw damaged(path, "is no safetensors file");
    const parsed = parseHeader(await file.read(8, length), path);
    checkHeader(parsed.entries, file.size - 8 - length, path);
    return weightFile(file, parsed, 8 + length);
  });
}

function weightFile(
  { path, read, close }: RangeFile,
  { entries, metadata }: ReturnType<typeof parseHeader>,
  start: number,
): WeightFile {
  const sums = readChecksums(entries, metadata, path);
  const entry = (name: string): Entry => {
    const found = entries.get(name);
    if (!found) throw damaged(path, `has no tensor ${name}`);
    return found;
  };
  return {
    path,
    metadata,
    names: () => [...entries.keys()],
    info: (name) => ({ dtype: entry(name).dtype, shape: entry(name).shape }),
    async read(name) {
      const { dtype, shape, begin, end } = entry(name);
      const bytes = await read(start + begin, end - begin);
      const wanted = sums?.get(name);
      if (wanted !== undefined && hexCrc(bytes) !== wanted) throw damaged(path, `tensor ${name} is damaged (checksum)`);
      return { data: ownFloats(bytes, dtype) ?? toFloat32(bytes, dtype, sizeOf(shape)), shape };
    },
    close,
  };
}

/** Float32 bytes as they were read, without a copy, where they have their memory to themselves. */
function ownFloats({ buffer, byteLength }: Uint8Array, dtype: string): Float32Array | undefined {
  const isWhole = dtype === "F32" && byteLength > 0 && buffer.byteLength === byteLength;
  return isWhole ? new Float32Array(buffer as ArrayBuffer) : undefined;
}

/**
 * Writes float32, int32 and uint8 tensors, sorted by name: the same tensors make the same bytes. Whole or absent. `written` is told the SHA-256 of
 * the file once all bytes are handed to the system, before it has stored them.
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<readonly [string, TensorData]>,
  metadata: Readonly<Record<string, string>>,
  system?: FileSystem,
  written?: (sha256: string) => void,
): Promise<void> {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i][0] === sorted[i - 1][0]) throw new Error(`internal: ${sorted[i][0]} is written twice`);
  }
  const header = headerBytes(sorted, metadata);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const hash = written && createHash("sha256");
  const fill = async (file: AtomicFile): Promise<void> => {
    for (const bytes of [length, header, ...sorted.map(([, { data }]) => bytesOf(data))]) {
      await file.write(bytes);
      hash?.update(bytes);
    }
    if (hash) written?.(hash.digest("hex"));
  };
  await withAtomicFile(path, fill, system);
}

function headerBytes(
  sorted: readonly (readonly [string, TensorData])[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const entries: [string, Entry][] = [];
  let begin = 0;
  for (const [name, { data, shape }] of sorted) {
    const end = begin + data.byteLength;
    entries.push([name, { dtype: dtypeOf(data), shape, begin, end }]);
    begin = end;
  }
  const sums = new Map(sorted.map(([name, { data }]) => [name, hexCrc(bytesOf(data))]));
  const all = [...Object.entries(metadata), [CHECKSUMS, makeChecksums(entries, metadata, sums)]];
  const first = member("__metadata__", Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1))));
  const rest = entries.map(([name, { dtype, shape, begin, end }]) =>
    member(name, { dtype, shape, data_offsets: [begin, end] }),
  );
  const text = Buffer.from(`{${[first, ...rest].join(",")}}`);
  return Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]); // the tensors start at a multiple of 8
}

const member = (name: string, value: unknown): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;

const dtypeOf = (data: TensorData["data"]): string =>
  data instanceof Float32Array ? "F32" : data instanceof Int32Array ? "I32" : "U8";

const bytesOf = (data: TensorData["data"]): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
