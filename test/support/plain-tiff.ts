/** @file TIFF files put together tag by tag, for forms no writer makes: little-endian, classic, sparse where they are large. */
import { open } from "node:fs/promises";

/** A tag: field type and values, or how many values it claims to have from an offset on. */
export type PlainTag = readonly [
  tag: number,
  type: 3 | 4 | 12,
  values: readonly number[] | { at: number; count: number },
];

const BYTES = { 3: 2, 4: 4, 12: 8 } as const;

/** A file of one or more directories, whose blocks' bytes are `pieces` by offset; `size` makes it longer, sparsely. */
export async function writePlainTiff(
  path: string,
  directories: readonly (readonly PlainTag[])[],
  pieces: ReadonlyMap<number, Uint8Array> = new Map(),
  size = 0,
): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.truncate(size);
    const head = plainHead(directories);
    await file.write(head, 0, head.length, 0);
    for (const [offset, bytes] of pieces) await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

/** Header and directories, each with 600 bytes for itself and its values. */
function plainHead(directories: readonly (readonly PlainTag[])[]): Buffer {
  const head = Buffer.alloc(8 + 600 * directories.length);
  head.write("II*\0", "latin1");
  head.writeUInt32LE(8, 4);
  for (const [i, tags] of directories.entries()) {
    const start = 8 + 600 * i;
    head.writeUInt16LE(tags.length, start);
    let free = start + 2 + 12 * tags.length + 4;
    for (const [k, [tag, type, values]] of [...tags].sort(([a], [b]) => a - b).entries()) {
      const at = start + 2 + 12 * k;
      const count = "count" in values ? values.count : values.length;
      head.writeUInt16LE(tag, at);
      head.writeUInt16LE(type, at + 2);
      head.writeUInt32LE(count, at + 4);
      const isInline = count * BYTES[type] <= 4;
      if (!isInline) head.writeUInt32LE("count" in values ? values.at : free, at + 8);
      if ("count" in values) continue;
      for (const [n, value] of values.entries()) {
        const place = (isInline ? at + 8 : free) + n * BYTES[type];
        if (type === 3) head.writeUInt16LE(value, place);
        else if (type === 4) head.writeUInt32LE(value, place);
        else head.writeDoubleLE(value, place);
      }
      if (!isInline) free += count * BYTES[type];
    }
    head.writeUInt32LE(i + 1 < directories.length ? start + 600 : 0, start + 2 + 12 * tags.length);
  }
  return head;
}

/** Tags of a picture of one band in one strip or several. */
export const stripTags = (
  [width, height]: readonly [number, number],
  rows: number,
  places: readonly (readonly [offset: number, bytes: number])[],
  more: readonly PlainTag[] = [],
): PlainTag[] => {
  const own: PlainTag[] = [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, [8]],
    [259, 3, [1]],
    [262, 3, [1]],
    [273, 4, places.map(([offset]) => offset)],
    [277, 3, [1]],
    [278, 4, [rows]],
    [279, 4, places.map(([, bytes]) => bytes)],
  ];
  return [...own.filter(([tag]) => !more.some(([other]) => other === tag)), ...more];
};
