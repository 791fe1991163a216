/** @file The bytes of an image file directory: entries, then the values that do not fit into them. Little-endian, classic or BigTIFF. */

/** Sample types that can be written: TIFF SampleFormat and bytes. */
export const TYPES = {
  uint8: { format: 1, bytes: 1 },
  uint16: { format: 1, bytes: 2 },
  int16: { format: 2, bytes: 2 },
  float32: { format: 3, bytes: 4 },
} as const;

/** A tag; `offset` is LONG, or LONG8 in a BigTIFF. */
export interface OutTag {
  readonly tag: number;
  readonly type: "short" | "long" | "offset" | "double" | "ascii";
  readonly values: readonly number[] | string;
}

const CODES = { ascii: 2, short: 3, long: 4, double: 12, long8: 16 } as const;
const BYTES = { ascii: 1, short: 2, long: 4, double: 8, long8: 8 } as const;

/** The directory as it stands at file position `start`; the only one of its file. */
export function directoryBytes(tags: readonly OutTag[], start: number, big: boolean): Buffer {
  const sorted = [...tags].sort((a, b) => a.tag - b.tag);
  const entryBytes = big ? 20 : 12;
  const head = Buffer.alloc((big ? 8 : 2) + sorted.length * entryBytes + (big ? 8 : 4));
  const inline = big ? 8 : 4;
  const extra: Buffer[] = [];
  let at = big ? 8 : 2;
  let next = start + head.length;
  if (big) head.writeBigUInt64LE(BigInt(sorted.length));
  else head.writeUInt16LE(sorted.length);
  for (const tag of sorted) {
    const type = tag.type === "offset" ? (big ? "long8" : "long") : tag.type;
    const value = valueBytes(tag.values, type);
    head.writeUInt16LE(tag.tag, at);
    head.writeUInt16LE(CODES[type], at + 2);
    const count = value.length / BYTES[type];
    if (big) head.writeBigUInt64LE(BigInt(count), at + 4);
    else head.writeUInt32LE(count, at + 4);
    const place = at + (big ? 12 : 8);
    if (value.length <= inline) value.copy(head, place);
    else {
      if (big) head.writeBigUInt64LE(BigInt(next), place);
      else head.writeUInt32LE(next, place);
      const padded = value.length % 2 ? Buffer.concat([value, Buffer.alloc(1)]) : value;
      extra.push(padded);
      next += padded.length;
    }
    at += entryBytes;
  }
  return Buffer.concat([head, ...extra]);
}

function valueBytes(values: readonly number[] | string, type: keyof typeof CODES): Buffer {
  if (typeof values === "string") return Buffer.from(`${values}\0`, "latin1");
  const out = Buffer.alloc(values.length * BYTES[type]);
  values.forEach((value, i) => {
    if (type === "short") out.writeUInt16LE(value, 2 * i);
    else if (type === "long") out.writeUInt32LE(value, 4 * i);
    else if (type === "double") out.writeDoubleLE(value, 8 * i);
    else out.writeBigUInt64LE(BigInt(value), 8 * i);
  });
  return out;
}
