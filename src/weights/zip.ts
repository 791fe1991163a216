/**
 * @file The zip archives torch writes: stored entries only, so nothing ever expands. APPNOTE.TXT 6.3.10, sections 4.3 to 4.5 (PKWARE).
 * Sizes and checksums come from the central directory, since torch leaves them 0 in the local headers; both must agree on name and method.
 */
import { crc32 } from "node:zlib";
import { damaged, type RangeFile } from "./reading.js";

const END = { signature: 0x06054b50, bytes: 22 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const LOCATOR64 = { signature: 0x07064b50, bytes: 20 };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const MOST_ENTRIES = 100_000;
const LARGEST_DIRECTORY = 2 ** 26;
/** Encrypted, strongly encrypted, or with a masked directory. */
const ENCRYPTED = 0x1 | 0x40 | 0x2000;

export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
}

/** An archive whose directory was found sound. */
export interface Zip {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** An entry's bytes, checked against its CRC-32. */
  read(name: string): Promise<Buffer>;
}

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

interface Stored extends ZipEntry {
  readonly crc: number;
  readonly header: number;
  readonly rawName: Buffer;
}

/** Reads the directory and every local header. Rejects with SegError for what torch does not write. */
export async function openZip(file: RangeFile): Promise<Zip> {
  const directory = await findDirectory(file);
  if (directory.offset + directory.size > file.size) throw damaged(file.path, "its zip directory lies outside of it");
  const entries = parseDirectory(await file.read(directory.offset, directory.size), directory.count, file.path);
  const starts = await locate(file, [...entries.values()], directory.offset);
  return {
    entries,
    async read(name) {
      const entry = entries.get(name);
      const start = starts.get(name);
      if (!entry || start === undefined) throw damaged(file.path, `has no entry ${name}`);
      const bytes = await file.read(start, entry.bytes);
      if (crc32(bytes) !== entry.crc) throw damaged(file.path, `its entry ${name} is damaged (checksum)`);
      return bytes;
    },
  };
}

/** The end record closes the file (torch writes no comment), the 64-bit one stands before it. */
async function findDirectory(file: RangeFile): Promise<Directory> {
  const at = file.size - END.bytes;
  if (at < 0) throw damaged(file.path, "is cut short");
  const end = await file.read(at, END.bytes);
  if (end.readUInt32LE(0) !== END.signature || end.readUInt16LE(20) !== 0) {
    throw damaged(file.path, "is cut short, or has bytes after the end of its zip archive");
  }
  const short = { count: end.readUInt16LE(10), size: end.readUInt32LE(12), offset: end.readUInt32LE(16) };
  const isLong = short.count === 0xffff || short.size === 0xffffffff || short.offset === 0xffffffff;
  const found = isLong ? await findDirectory64(file, at) : short;
  if (found.count > MOST_ENTRIES || found.size > LARGEST_DIRECTORY)
    throw damaged(file.path, "its zip directory is too large");
  return found;
}

async function findDirectory64(file: RangeFile, end: number): Promise<Directory> {
  const at = end - LOCATOR64.bytes;
  if (at < END64.bytes) throw damaged(file.path, "its zip64 directory is missing");
  const locator = await file.read(at, LOCATOR64.bytes);
  const position = safe(locator.readBigUInt64LE(8), file.path);
  if (locator.readUInt32LE(0) !== LOCATOR64.signature || position > at - END64.bytes) {
    throw damaged(file.path, "its zip64 directory is damaged");
  }
  const record = await file.read(position, END64.bytes);
  if (record.readUInt32LE(0) !== END64.signature) throw damaged(file.path, "its zip64 directory is damaged");
  const [count, size, offset] = [32, 40, 48].map((field) => safe(record.readBigUInt64LE(field), file.path));
  return { count, size, offset };
}

function safe(value: bigint, path: string): number {
  if (value > Number.MAX_SAFE_INTEGER) throw damaged(path, "its zip directory holds impossible numbers");
  return Number(value);
}

function parseDirectory(bytes: Buffer, count: number, path: string): Map<string, Stored> {
  const entries = new Map<string, Stored>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL.bytes > bytes.length || bytes.readUInt32LE(at) !== CENTRAL.signature) {
      throw damaged(path, "its zip directory is damaged");
    }
    const lengths = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const next = at + CENTRAL.bytes + lengths[0] + lengths[1] + lengths[2];
    if (next > bytes.length) throw damaged(path, "its zip directory is damaged");
    const entry = parseEntry(bytes.subarray(at, next), lengths, path);
    if (entries.has(entry.name)) throw damaged(path, `holds the entry ${entry.name} twice`);
    entries.set(entry.name, entry);
    at = next;
  }
  if (at !== bytes.length) throw damaged(path, "its zip directory is damaged");
  return entries;
}

function parseEntry(record: Buffer, [nameBytes, extraBytes]: readonly number[], path: string): Stored {
  const rawName = record.subarray(CENTRAL.bytes, CENTRAL.bytes + nameBytes);
  const name = decodeName(rawName, path);
  if (record.readUInt16LE(8) & ENCRYPTED) throw damaged(path, `its entry ${name} is encrypted`);
  if (record.readUInt16LE(10) !== 0) throw damaged(path, `its entry ${name} is compressed, which torch never writes`);
  const extra = record.subarray(CENTRAL.bytes + nameBytes, CENTRAL.bytes + nameBytes + extraBytes);
  const [bytes, packed, header] = longFields(record, extra, path);
  if (packed !== bytes) throw damaged(path, `its entry ${name} has two sizes`);
  return { name, rawName, bytes, header, crc: record.readUInt32LE(16) };
}

/** Size, stored size and offset; those that do not fit 32 bits stand in the extra field 1, in this order. */
function longFields(record: Buffer, extra: Buffer, path: string): number[] {
  const long = findExtra(extra, 1, path);
  let at = 0;
  return [24, 20, 42].map((field) => {
    const short = record.readUInt32LE(field);
    if (short !== 0xffffffff || !long) return short;
    if (at + 8 > long.length) throw damaged(path, "its zip64 sizes are damaged");
    at += 8;
    return safe(long.readBigUInt64LE(at - 8), path);
  });
}

function findExtra(extra: Buffer, wanted: number, path: string): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) throw damaged(path, "its zip directory is damaged");
    if (extra.readUInt16LE(at) === wanted) return extra.subarray(at + 4, end);
    at = end;
  }
  return undefined;
}

function decodeName(raw: Buffer, path: string): string {
  const name = raw.toString("utf8");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  const isPlain = Buffer.from(name).equals(raw) && !/[\u0000-\u001f\\]|^\/|(^|\/)\.\.?(\/|$)/.test(name) && name !== "";
  if (!isPlain) throw damaged(path, `has an entry with a forbidden name (${JSON.stringify(name.slice(0, 80))})`);
  return name;
}

/** Where each entry's bytes start; they must not overlap one another or the directory. */
async function locate(file: RangeFile, entries: Stored[], limit: number): Promise<Map<string, number>> {
  const starts = new Map<string, number>();
  let free = 0;
  for (const entry of entries.sort((a, b) => a.header - b.header)) {
    const overlaps = entry.header < free || entry.header + LOCAL.bytes + entry.rawName.length > limit;
    if (overlaps) throw damaged(file.path, `its entry ${entry.name} overlaps another`);
    const local = await file.read(entry.header, LOCAL.bytes + entry.rawName.length);
    const start = entry.header + LOCAL.bytes + local.readUInt16LE(26) + local.readUInt16LE(28);
    const agrees =
      local.readUInt32LE(0) === LOCAL.signature &&
      local.readUInt16LE(8) === 0 &&
      (local.readUInt16LE(6) & ENCRYPTED) === 0 &&
      local.readUInt16LE(26) === entry.rawName.length &&
      local.subarray(LOCAL.bytes).equals(entry.rawName);
    if (!agrees) throw damaged(file.path, `its entry ${entry.name} is described in two ways`);
    free = start + entry.bytes;
    if (free > limit) throw damaged(file.path, `its entry ${entry.name} overlaps another`);
    starts.set(entry.name, start);
  }
  return starts;
}
