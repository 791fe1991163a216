/**
 * @file The tag directories (IFDs) of classic and big TIFF, both byte orders, walked with bounds before anything is decoded.
 * Source: TIFF 6.0 (Adobe, 1992) section 2; BigTIFF, https://www.awaresystems.be/imaging/tiff/bigtiff.html
 */
import { type ByteSource, damaged } from "./source.js";

const MAX_DIRECTORIES = 100;
const MAX_TAGS = 1000;

/** Bytes of one value of each TIFF field type. */
export const TYPE_BYTES: Readonly<Record<number, number>> = {
  ...{ 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8 },
};

/** A tag as stored: field type, number of values, the bytes of the values in the file's byte order. */
export interface RawTag {
  readonly type: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/** One IFD; values are read when asked for. */
export interface Directory {
  /** The file it lies in. */
  readonly source: ByteSource;
  readonly littleEndian: boolean;
  has(tag: number): boolean;
  /** A tag as it is; SegError for one of more than `mostBytes`. */
  raw(tag: number, mostBytes: number): Promise<RawTag | undefined>;
  /** The first `most` numeric values, or all if there are fewer; undefined where the tag is absent. */
  numbers(tag: number, most: number): Promise<number[] | undefined>;
  /** All numeric values; SegError for a tag of more than `mostBytes`. */
  allNumbers(tag: number, mostBytes: number): Promise<number[] | undefined>;
  /** The first numeric value, or `absent` where there is none. */
  number(tag: number, absent: number): Promise<number>;
  /** An ASCII tag without its closing NUL; SegError for one of more than `mostBytes`. */
  text(tag: number, mostBytes: number): Promise<string | undefined>;
}

interface Form {
  readonly source: ByteSource;
  readonly little: boolean;
  readonly big: boolean;
}

interface Entry {
  readonly type: number;
  readonly count: number;
  /** Position of the values in the file. */
  readonly at: number;
}

/** All directories of the main chain, first to last; throws SegError for loops, cuts and impossible counts. */
export async function readDirectories(source: ByteSource): Promise<Directory[]> {
  const { form, first } = await readHeader(source);
  const seen = new Set<number>();
  const out: Directory[] = [];
  for (let at = first; at !== 0; ) {
    if (seen.has(at)) throw damaged(source.path, "its directories form a loop");
    if (seen.size === MAX_DIRECTORIES) throw damaged(source.path, `it has more than ${MAX_DIRECTORIES} directories`);
    seen.add(at);
    const { entries, next } = await readEntries(form, at);
    out.push(directory(form, entries));
    at = next;
  }
  if (out.length === 0) throw damaged(source.path, "it holds no image");
  return out;
}

async function readHeader(source: ByteSource): Promise<{ form: Form; first: number }> {
  const head = await source.read(0, 8);
  const order = head.toString("latin1", 0, 2);
  if (order !== "II" && order !== "MM") throw damaged(source.path, "it has no TIFF signature");
  const little = order === "II";
  const version = little ? head.readUInt16LE(2) : head.readUInt16BE(2);
  if (version !== 42 && version !== 43) throw damaged(source.path, `its version is ${version}, not 42 or 43`);
  const form = { source, little, big: version === 43 };
  if (version === 42) return { form, first: integer(form, head, 4, 4) };
  const rest = await source.read(0, 16);
  if (integer(form, rest, 4, 2) !== 8) throw damaged(source.path, "its offsets are not of 8 bytes");
  return { form, first: integer(form, rest, 8, 8) };
}

function integer({ little, source }: Form, bytes: Buffer, at: number, size: number): number {
  if (size === 2) return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  if (size === 4) return little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const value = Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  if (!Number.isSafeInteger(value)) throw damaged(source.path, "it names an impossible offset or count");
  return value;
}

async function readEntries(form: Form, at: number): Promise<{ entries: Map<number, Entry>; next: number }> {
  const { source, big } = form;
  const [countBytes, entryBytes, word] = big ? [8, 20, 8] : [2, 12, 4];
  const count = integer(form, await source.read(at, countBytes), 0, countBytes);
  if (count > MAX_TAGS) throw damaged(source.path, `a directory has ${count} tags, more than ${MAX_TAGS}`);
  const bytes = await source.read(at + countBytes, count * entryBytes + word);
  const entries = new Map<number, Entry>();
  for (let i = 0; i < count; i++) {
    const from = i * entryBytes;
    const [tag, type] = [integer(form, bytes, from, 2), integer(form, bytes, from + 2, 2)];
    if (TYPE_BYTES[type] === undefined || entries.has(tag)) continue; // TIFF 6.0: readers skip unknown field types
    const values = integer(form, bytes, from + 4, word);
    const length = values * TYPE_BYTES[type];
    const inline = length <= word;
    const where = inline ? at + countBytes + from + 4 + word : integer(form, bytes, from + 4 + word, word);
    if (length > source.size || where > source.size - length) {
      throw damaged(source.path, `tag ${tag} points outside the file; it may be cut off`);
    }
    entries.set(tag, { type, count: values, at: where });
  }
  return { entries, next: integer(form, bytes, count * entryBytes, word) };
}

function directory(form: Form, entries: Map<number, Entry>): Directory {
  const read = async ({ type, at }: Entry, count: number): Promise<RawTag> => {
    return { type, count, bytes: await form.source.read(at, count * TYPE_BYTES[type]) };
  };
  const raw = async (tag: number, mostBytes: number): Promise<RawTag | undefined> => {
    const entry = entries.get(tag);
    if (!entry) return undefined;
    const length = entry.count * TYPE_BYTES[entry.type];
    if (length > mostBytes) throw damaged(form.source.path, `tag ${tag} is of ${length} bytes`);
    return read(entry, entry.count);
  };
  const numbers = async (tag: number, most: number) => {
    const entry = entries.get(tag);
    return entry && decodeNumbers(form, await read(entry, Math.min(entry.count, most)));
  };
  return {
    ...{ source: form.source, littleEndian: form.little },
    has: (tag) => entries.has(tag),
    raw,
    numbers,
    async allNumbers(tag, mostBytes) {
      const value = await raw(tag, mostBytes);
      return value && decodeNumbers(form, value);
    },
    number: async (tag, absent) => (await numbers(tag, 1))?.[0] ?? absent,
    text: async (tag, mostBytes) => (await raw(tag, mostBytes))?.bytes.toString("utf8").replace(/\0[\s\S]*$/, ""),
  };
}

function decodeNumbers(form: Form, { type, count, bytes }: RawTag): number[] {
  const { little } = form;
  const size = TYPE_BYTES[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const one = (at: number): number => {
    switch (type) {
      case 3:
      case 4:
      case 13:
      case 16:
      case 18:
        return integer(form, bytes, at, size);
      case 5:
        return view.getUint32(at, little) / view.getUint32(at + 4, little);
      case 6:
        return view.getInt8(at);
      case 8:
        return view.getInt16(at, little);
      case 9:
        return view.getInt32(at, little);
      case 10:
        return view.getInt32(at, little) / view.getInt32(at + 4, little);
      case 11:
        return view.getFloat32(at, little);
      case 12:
        return view.getFloat64(at, little);
      case 17:
        return Number(view.getBigInt64(at, little));
      default:
        return bytes[at];
    }
  };
  return Array.from({ length: count }, (_, i) => one(i * size));
}
