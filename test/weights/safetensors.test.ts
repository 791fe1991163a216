import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SegError } from "../../src/errors.js";
import type { TensorData } from "../../src/graph/tensor.js";
import { writeNpy } from "../../src/weights/npy.js";
import { openSafetensors, writeSafetensors } from "../../src/weights/safetensors.js";
import { withFolder } from "../support/folder.js";

const tensors: [string, TensorData][] = [
  ["b", { data: Float32Array.of(1.5, -2, 0, 4, 5, 6), shape: [2, 3] }],
  ["a", { data: Int32Array.of(7, -8), shape: [2] }],
  ["empty", { data: new Float32Array(0), shape: [0, 4] }],
  ["__proto__", { data: Uint8Array.of(255), shape: [] }],
];

test("what is written is read back, sorted, the same bytes whatever the order", () =>
  withFolder(async (folder) => {
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    await writeSafetensors(first, new Map(tensors), { card: '{"x":1}', note: "ü" });
    await writeSafetensors(second, [...tensors].reverse(), { note: "ü", card: '{"x":1}' });
    assert.deepEqual(await readFile(first), await readFile(second));
    const file = await openSafetensors(first);
    assert.deepEqual(file.names(), ["__proto__", "a", "b", "empty"]);
    assert.equal(file.metadata.card, '{"x":1}');
    assert.deepEqual(file.info("a"), { dtype: "I32", shape: [2] });
    for (const [name, { data, shape }] of tensors) {
      const read = await file.read(name);
      assert.deepEqual([[...read.data], read.shape], [[...data], shape]);
    }
    await file.close();
  }));

test("a file of Python's safetensors reads, half precision included", () =>
  withFolder(async (folder) => {
    const golden = JSON.parse(await readFile("test/fixtures/weights/weights.json", "utf8")) as { safetensors: string };
    const path = join(folder, "python.safetensors");
    await writeFile(path, Buffer.from(golden.safetensors, "base64"));
    const file = await openSafetensors(path);
    assert.deepEqual({ ...file.metadata }, { format: "pt" });
    const read = async (name: string) => [...(await file.read(name)).data];
    const expected = [0, 1, 2, 3, 4, 5].map((i) => Math.fround(Math.fround(i * Math.fround(0.37)) - 1.5)); // rounded as torch does
    assert.deepEqual(await read("weight"), expected);
    assert.deepEqual(await read("count"), [0, 1, 2]);
    assert.deepEqual(await read("half"), [-1.5, -1.1298828125]);
    assert.deepEqual(await read("bf16"), [-1.5, -1.1328125]);
    await file.close();
  }));

test("one turned bit anywhere in the content is noticed", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a");
    await writeSafetensors(path, tensors, { card: "0123456789" });
    const bytes = await readFile(path);
    const key = bytes.indexOf("sam-seg.crc32");
    for (let at = 0; at < bytes.length; at++) {
      if (at >= key && at < key + 13) continue; // without its key a file is one without checksums, and its content is right
      const copy = Buffer.from(bytes);
      copy[at] ^= 1 << (at % 8);
      await writeFile(path, copy);
      await assert.rejects(readAll(path), SegError, `byte ${at}`);
    }
    await writeFile(path, bytes);
    await readAll(path);
  }));

test("NumPy arrays have the published layout", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.npy");
    await writeNpy(path, Float32Array.of(1, 2, 3), [3]);
    const bytes = await readFile(path);
    assert.equal(bytes.toString("latin1", 0, 6), "\u0093NUMPY");
    assert.equal((10 + bytes.readUInt16LE(8)) % 64, 0);
    const header = bytes.toString("latin1", 10, 10 + bytes.readUInt16LE(8));
    assert.match(header, /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(3,\), \} *\n$/);
    assert.equal(bytes.readFloatLE(bytes.length - 4), 3);
  }));

/** Files by hand: `header` as text or value, then `size` bytes. */
function craft(header: unknown, size: number): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(size)]);
}

const entry = (shape: unknown, begin: unknown, end: unknown, dtype: unknown = "F32") => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const hostile: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  "seven bytes": Buffer.alloc(7),
  "header longer than the file": Buffer.from("ffffffffffffff7f7b7d", "hex"),
  "no object": craft("[]", 0),
  "no JSON": craft("{nope}", 0),
  "no UTF-8": Buffer.concat([craft("", 0).fill(4, 0, 1), Buffer.from([0x7b, 0x22, 0xff, 0x7d])]),
  "a hole": craft({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12),
  "an overlap": craft({ a: entry([2], 0, 8), b: entry([1], 4, 8) }, 8),
  "bytes left over": craft({ a: entry([1], 0, 4) }, 8),
  "cut short": craft({ a: entry([2], 0, 8) }, 4),
  "a size that is not the shape's": craft({ a: entry([3], 0, 8) }, 8),
  "a shape that wraps in 64 bits": craft({ a: entry([4194305, 4194305, 211106198978564], 0, 16) }, 16),
  "a shape whose rounded product is infinite": craft({ a: entry([...Array(32).fill(2 ** 52), 0], 0, 0) }, 0),
  "a negative size": craft({ a: entry([-1, -1], 0, 4) }, 4),
  "a fraction": craft({ a: entry([0.5, 2], 0, 4) }, 4),
  "an offset beyond the safe integers": craft(
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[9007199254740993,9007199254740997]}}',
    4,
  ),
  "end before begin": craft({ a: entry([1], 4, 0) }, 4),
  "a type nobody knows": craft({ a: entry([1], 0, 4, "Q8") }, 4),
  "a type of Object's": craft({ a: entry([1], 0, 4, "constructor") }, 4),
  "an entry that is null": craft({ a: null }, 0),
  "a name twice": craft(
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    4,
  ),
  "a name twice, once escaped": craft(
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    4,
  ),
  "a field twice": craft('{"a":{"dtype":"F32","shape":[9],"shape":[1],"data_offsets":[0,4]}}', 4),
  "metadata that is no text": craft({ __metadata__: { a: 1 } }, 0),
  "deep nesting": craft(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`, 0),
};

for (const [name, bytes] of Object.entries(hostile)) {
  test(`refused: ${name}`, () =>
    withFolder(async (folder) => {
      const path = join(folder, "x.safetensors");
      await writeFile(path, bytes);
      await assert.rejects(readAll(path), (error) => error instanceof SegError && error.subject === path);
    }));
}

test("a folder and a missing file are named", () =>
  withFolder(async (folder) => {
    await assert.rejects(openSafetensors(folder), /is a folder/);
    await assert.rejects(openSafetensors(join(folder, "none")), /does not exist/);
  }));

async function readAll(path: string): Promise<void> {
  const file = await openSafetensors(path);
  try {
    for (const name of file.names()) await file.read(name);
  } finally {
    await file.close();
  }
}
