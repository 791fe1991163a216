/** @file The bytes of an image file directory: entries, then the values that do not fit into them. Little-endian, classic or BigTIFF. Source: TIFF 6.0 section 2; BigTIFF, https://www.awaresystems.be/imaging/tiff/bigtiff.html */

/** A tag; `offset` is LONG, or LONG8 in a BigTIFF. Text is of one byte a character and gets its closing NUL here. */
export interface OutTag {
  readonly tag: number;
  readonly type: "short" | "long" | "offset" | "double" | "ascii";
  readonly values: ArrayLike<number> | string;
}

const CODES = { ascii: 2, short: 3, long: 4, double: 12, long8: 16 } as const;
const BYTES = { ascii: 1, short: 2, long: 4, double: 8, long8: 8 } as const;

interface Form {
  readonly countBytes: number;
  readonly entryBytes: number;
  /** Bytes of an offset, and of a value that stays in its entry. */
  readonly word: number;
}

const formOf = (big: boolean): Form =>
  big ? { countBytes: 8, entryBytes: 20, word: 8 } : { countBytes: 2, entryBytes: 12, word: 4 };

/** The next multiple of 8: doubles and 64-bit offsets lie aligned. */
export const align = (position: number): number => Math.ceil(position / 8) * 8;

/** Bytes of a directory with its values, padded to a multiple of 8 when it starts at one. */
export function directorySize(tags: readonly OutTag[], big: boolean): number {
  const { word } = formOf(big);
  const values = tags.map((tag) => valueSize(tag, big)).filter((size) => size > word);
  return values.reduce((sum, size) => sum + align(size), headSize(tags, big));
}

const headSize = (tags: readonly OutTag[], big: boolean): number => {
  const { countBytes, entryBytes, word } = formOf(big);
  return align(countBytes + tags.length * entryBytes + word);
};

const kindOf = ({ type }: OutTag, big: boolean): keyof typeof CODES =>
  type === "offset" ? (big ? "long8" : "long") : type;

const countOf = ({ values, type }: OutTag) => values.length + (type === "ascii" ? 1 : 0);

const valueSize = (tag: OutTag, big: boolean): number => countOf(tag) * BYTES[kindOf(tag, big)];

/** The directory as it stands at `start`, a multiple of 8; `next` is the position of the one after it, 0 for none. */
export function directoryBytes(tags: readonly OutTag[], start: number, next: number, big: boolean): Buffer {
  const { countBytes, entryBytes, word } = formOf(big);
  const sorted = [...tags].sort((a, b) => a.tag - b.tag);
  const out = Buffer.alloc(directorySize(tags, big));
  writeUint(out, sorted.length, 0, countBytes);
  let free = headSize(tags, big);
  for (const [i, tag] of sorted.entries()) {
    const at = countBytes + i * entryBytes;
    const size = valueSize(tag, big);
    out.writeUInt16LE(tag.tag, at);
    out.writeUInt16LE(CODES[kindOf(tag, big)], at + 2);
    writeUint(out, countOf(tag), at + 4, word);
    if (size <= word) writeValues(out, tag, at + 4 + word, big);
    else {
      writeUint(out, start + free, at + 4 + word, word);
      writeValues(out, tag, free, big);
      free += align(size);
    }
  }
  writeUint(out, next, countBytes + sorted.length * entryBytes, word);
  return out;
}

function writeValues(out: Buffer, tag: OutTag, at: number, big: boolean): void {
  const { values } = tag;
  if (typeof values === "string") {
    out.write(values, at, "latin1"); // the NUL is there: the buffer is of zeros
    return;
  }
  const kind = kindOf(tag, big);
  for (let i = 0; i < values.length; i++) {
    const place = at + i * BYTES[kind];
    if (kind === "double") out.writeDoubleLE(values[i], place);
    else writeUint(out, values[i], place, BYTES[kind]);
  }
}

/** An unsigned integer of 1, 2, 4 or 8 bytes. */
export function writeUint(out: Buffer, value: number, at: number, bytes: number): void {
  if (bytes === 8) out.writeBigUInt64LE(BigInt(value), at);
  else out.writeUIntLE(value, at, bytes);
}
