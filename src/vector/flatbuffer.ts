/**
 * @file Size-prefixed FlatBuffers, written from the front: a table, then what it refers to. Source: https://flatbuffers.dev/internals (little-endian;
 * references are unsigned offsets forwards, a table begins with the signed way back to its vtable). Alignment counts from the size prefix.
 */

/** A field's value in a table; `undefined` leaves it out. */
export type FieldValue =
  | { readonly scalar: "u8" | "u16" | "i32" | "u64" | "bool"; readonly value: number }
  | { readonly refers: Item };

/** What a field refers to. */
export type Item =
  | { readonly table: readonly (FieldValue | undefined)[] }
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
  | { readonly doubles: ArrayLike<number> }
  | { readonly integers: ArrayLike<number> }
  | { readonly items: readonly Item[] };

/**
 * A function that gives the bytes of a buffer whose root is a table, its size in front, padded to whole eights. One working buffer serves all calls: a
 * million small ones would pile up faster than they are collected.
 */
export function createSerializer(): (root: Item) => Buffer {
  const out: Out = { bytes: Buffer.alloc(2 ** 16), length: 0 };
  return (root) => {
    out.bytes.fill(0, 0, out.length);
    out.length = 8;
    const at = put(out, root);
    align(out, 8);
    out.bytes.writeUInt32LE(out.length - 4, 0);
    out.bytes.writeUInt32LE(at - 4, 4);
    return Buffer.from(out.bytes.subarray(0, out.length));
  };
}

interface Out {
  bytes: Buffer;
  length: number;
}

/** Room for more bytes, all zero; gives where they begin. */
function reserve(out: Out, count: number): number {
  const at = out.length;
  out.length += count;
  if (out.length > out.bytes.length) {
    const wider = Buffer.alloc(2 * out.length);
    out.bytes.copy(wider, 0, 0, at);
    out.bytes = wider;
  }
  return at;
}

const align = (out: Out, to: number, before = 0) => {
  reserve(out, (to - ((out.length + before) % to)) % to);
};

/** Writes an item; gives its position. */
function put(out: Out, item: Item): number {
  if ("table" in item) return putTable(out, item.table);
  if ("text" in item) return putBytes(out, Buffer.from(item.text), 1);
  if ("bytes" in item) return putBytes(out, item.bytes, 0);
  if ("doubles" in item) return putDoubles(out, item.doubles);
  if ("integers" in item) {
    const at = putLength(out, item.integers.length, 4 * item.integers.length);
    for (let i = 0; i < item.integers.length; i++) out.bytes.writeUInt32LE(item.integers[i], at + 4 + 4 * i);
    return at;
  }
  const at = putLength(out, item.items.length, 4 * item.items.length);
  for (const [i, child] of item.items.entries()) refer(out, at + 4 + 4 * i, child);
  return at;
}

function refer(out: Out, from: number, item: Item): void {
  const to = put(out, item);
  out.bytes.writeUInt32LE(to - from, from);
}

/** A vector's length and room for its elements. */
function putLength(out: Out, count: number, bytes: number): number {
  align(out, 4);
  const at = reserve(out, 4 + bytes);
  out.bytes.writeUInt32LE(count, at);
  return at;
}

function putBytes(out: Out, bytes: Uint8Array, closing: 0 | 1): number {
  const at = putLength(out, bytes.length, bytes.length + closing);
  out.bytes.set(bytes, at + 4);
  return at;
}

function putDoubles(out: Out, values: ArrayLike<number>): number {
  align(out, 8, 4); // the numbers are aligned, not the length before them
  const at = putLength(out, values.length, 8 * values.length);
  for (let i = 0; i < values.length; i++) out.bytes.writeDoubleLE(values[i], at + 4 + 8 * i);
  return at;
}

const SIZES = { u8: 1, bool: 1, u16: 2, i32: 4, u64: 8 } as const;
const sizeOf = (field: FieldValue) => ("scalar" in field ? SIZES[field.scalar] : 4);

/** A vtable and its table, the largest fields first. */
function putTable(out: Out, fields: readonly (FieldValue | undefined)[]): number {
  const present = fields.flatMap((field, slot) => (field ? [{ field, slot, size: sizeOf(field) }] : []));
  present.sort((a, b) => b.size - a.size || a.slot - b.slot);
  align(out, 4);
  const vtableBytes = 4 + 2 * fields.length;
  const vtable = reserve(out, vtableBytes);
  align(out, 8, 4); // so that fields of eight bytes may follow the first four
  const table = reserve(out, 4);
  const places = present.map((entry) => ({ ...entry, at: reserve(out, entry.size) }));
  out.bytes.writeInt32LE(table - vtable, table);
  out.bytes.writeUInt16LE(vtableBytes, vtable);
  out.bytes.writeUInt16LE(out.length - table, vtable + 2);
  for (const { slot, at } of places) out.bytes.writeUInt16LE(at - table, vtable + 4 + 2 * slot);
  for (const { field, at } of places) {
    if ("scalar" in field) putScalar(out, field, at);
    else refer(out, at, field.refers);
  }
  return table;
}

function putScalar(out: Out, { scalar, value }: Extract<FieldValue, { scalar: string }>, at: number): void {
  if (scalar === "u64") out.bytes.writeBigUInt64LE(BigInt(value), at);
  else if (scalar === "i32") out.bytes.writeInt32LE(value, at);
  else if (scalar === "u16") out.bytes.writeUInt16LE(value, at);
  else out.bytes.writeUInt8(value, at);
}
