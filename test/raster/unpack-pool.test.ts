/** @file The threads that unpack blocks: when they start, what they say of damage, what happens when they end, and that they keep no process alive. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { open, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { type HelperThread, startThread } from "../../src/helper-thread.js";
import { openGeoTiff, writeGeoTiff } from "../../src/raster/index.js";
import type { BlockForm } from "../../src/raster/geotiff/layout.js";
import { openSource } from "../../src/raster/geotiff/source.js";
import {
  createUnpackPool,
  type StoredBlock,
  type UnpackAnswer,
  type UnpackAsk,
} from "../../src/raster/geotiff/unpack-pool.js";
import { withFolder } from "../support/folder.js";

const SIDE = 256;
const form: BlockForm = {
  ...{ samples: 1, type: "uint8", bits: 8, blockWidth: SIDE, blockHeight: SIDE, planar: false, compression: 8 },
  ...{ predictor: 1, photometric: 1, littleEndian: true },
};
const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (i * 7) % 251);
const packed = deflateSync(pixels);

/** A block that is all there is. */
const stored = (bytes: Buffer): StoredBlock => ({
  ...{ offset: 0, length: bytes.length },
  source: { read: async () => bytes },
});

/** Real threads, counted. */
function counted() {
  const started: HelperThread<UnpackAsk, UnpackAnswer>[] = [];
  const base = new URL("../../src/raster/geotiff/unpack-pool.ts", import.meta.url).href;
  return {
    started,
    start: () => {
      started.push(startThread(base, "unpack-thread", {}));
      return started[started.length - 1];
    },
  };
}

test("threads start once enough was unpacked, and no more of them than asked for", async () => {
  const { started, start } = counted();
  const pool = createUnpackPool({ threads: 2, after: 3 * pixels.length, start });
  for (let i = 0; i < 2; i++) assert.deepEqual(await pool(stored(packed), form, SIDE), pixels);
  assert.equal(started.length, 0);
  for (const block of await Promise.all(Array.from({ length: 9 }, () => pool(stored(packed), form, SIDE)))) {
    assert.deepEqual(block, pixels);
  }
  assert.equal(started.length, 2);
});

test("a small block, a block that is not compressed, and a machine of one core need no thread", async () => {
  const { started, start } = counted();
  const pool = createUnpackPool({ threads: 2, after: 0, start });
  assert.deepEqual(
    await pool(stored(deflateSync(pixels.subarray(0, SIDE))), { ...form, blockHeight: 1 }, 1),
    pixels.subarray(0, SIDE),
  );
  assert.deepEqual(await pool(stored(Buffer.from(pixels)), { ...form, compression: 1 }, SIDE), pixels);
  assert.deepEqual(await createUnpackPool({ threads: 1, after: 0, start })(stored(packed), form, SIDE), pixels);
  assert.equal(started.length, 0);
});

test("damage is told as without threads, and the threads go on", async () => {
  const { started, start } = counted();
  const pool = createUnpackPool({ threads: 2, after: 0, start });
  await assert.rejects(pool(stored(packed.subarray(0, 100)), form, SIDE), /unexpected end of file/);
  await assert.rejects(pool(stored(deflateSync(pixels.subarray(9))), form, SIDE), /a block holds 65527 of 65536 bytes/);
  await assert.rejects(pool(stored(deflateSync(new Uint8Array(2 ** 24))), form, SIDE), /larger than 65536 bytes/);
  assert.deepEqual(await pool(stored(packed), form, SIDE), pixels);
  assert.equal(started.length, 1);
});

test("a thread that has ended is done without", async () => {
  const { started, start } = counted();
  const pool = createUnpackPool({ threads: 2, after: 0, start });
  assert.deepEqual(await pool(stored(packed), form, SIDE), pixels);
  await started[0].close();
  for (let i = 0; i < 3; i++) assert.deepEqual(await pool(stored(packed), form, SIDE), pixels);
  assert.equal(started.length, 1);
});

test("a local file is read by the threads, and closed once they have; what they cannot read is told by whoever reads here", async () =>
  withFolder(async (folder) => {
    const path = join(folder, "block");
    await writeFile(path, Buffer.concat([Buffer.alloc(5), packed]));
    const pool = createUnpackPool({ threads: 2, after: 0, start: counted().start });
    const file = await openSource(path);
    const source = { ...file, read: () => assert.fail("it is read here") };
    const blocks = Array.from({ length: 6 }, () => pool({ source, offset: 5, length: packed.length }, form, SIDE));
    await file.close();
    for (const block of await Promise.all(blocks)) assert.deepEqual(block, pixels);
    const cut = await openSource(path);
    await truncate(path, 20);
    await assert.rejects(pool({ source: cut, offset: 5, length: packed.length }, form, SIDE), /became shorter/);
    await assert.rejects(pool({ source: cut, offset: 5, length: 2 ** 20 }, form, SIDE), /names bytes 5 to 1048581/);
    await cut.close();
  }));

test("bytes that are part of a larger buffer stay with it", async () => {
  const pool = createUnpackPool({ threads: 2, after: 0, start: counted().start });
  const range = Buffer.concat([Buffer.alloc(10, 1), packed, Buffer.alloc(10, 2)]);
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(await pool(stored(range.subarray(10, 10 + packed.length)), form, SIDE), pixels);
  }
  assert.equal(range[0] + range[range.length - 1], 3);
});

/** 2048 x 1536 pixels of six bands of 16 bits: 36 MiB, more than is unpacked without threads. */
const LARGE = { width: 2048, height: 1536, bands: 6, dtype: "uint16" } as const;
const words = () => Uint16Array.from({ length: 2048 * 1536 * 6 }, (_, i) => ((i % 12_288) * 5 + i / 12_288) % 4099);

test("a large file reads as it was written, once its blocks come from threads too; a damaged block is named", async () =>
  withFolder(async (folder) => {
    const path = join(folder, "large.tif");
    const data = words();
    await writeGeoTiff(path, LARGE, (writer) => writer.write(data));
    const whole = { x: 0, y: 0, width: LARGE.width, height: LARGE.height };
    for (let round = 0; round < 3; round++) {
      const raster = await openGeoTiff(path);
      const read = await raster.read(whole);
      await raster.close();
      assert.equal(Buffer.compare(bytesOf(read.data), bytesOf(data)), 0, `round ${round}`);
    }
    const file = await open(path, "r+");
    const { size } = await file.stat();
    const end = Math.floor(size / 4); // the overviews come first
    await file.write(Buffer.alloc(end, 0xff), 0, end, size - end);
    await file.close();
    const raster = await openGeoTiff(path);
    await assert.rejects(raster.read(whole), /not a sound TIFF: block \d+ cannot be decoded \(.+\)/);
    await raster.close();
  }));

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);

test("a process whose work is done ends, though its threads are idle", () => {
  const pool = new URL("../../src/raster/geotiff/unpack-pool.ts", import.meta.url).href;
  const code = `
    import { deflateSync } from "node:zlib";
    import { createUnpackPool } from ${JSON.stringify(pool)};
    const pool = createUnpackPool({ threads: 2, after: 0 });
    const bytes = deflateSync(new Uint8Array(65536));
    const block = await pool({ source: { read: async () => bytes }, offset: 0, length: bytes.length }, ${JSON.stringify(form)}, 256);
    console.log(block.length);
  `;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  assert.equal(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 }), "65536\n");
});
