/**
 * @file Files that say odd things of themselves: what a block or a tag claims to take bounds nothing that is read, tags that do not count are passed by
 * as GDAL does, and strips that are longer than the image are cut.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { createBlockCache } from "../../src/raster/geotiff/block-cache.js";
import { readDirectories } from "../../src/raster/geotiff/directory.js";
import { openSource } from "../../src/raster/geotiff/source.js";
import { type GeoRaster, openGeoTiff } from "../../src/raster/index.js";
import { fillIntegers } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { type PlainTag, stripTags, writePlainTiff } from "../support/plain-tiff.js";
import { withRangeServer } from "../support/range-server.js";

const noise = (seed: number, length: number) => Uint8Array.from(fillIntegers(seed, length, 256));

/** Opens a file of one directory. */
const withFile = (
  tags: readonly PlainTag[],
  pieces: ReadonlyMap<number, Uint8Array>,
  use: (raster: GeoRaster) => Promise<void>,
  size = 0,
) =>
  withFolder(async (folder) => {
    const path = join(folder, "odd.tif");
    await writePlainTiff(path, [tags], pieces, size);
    const raster = await openGeoTiff(path);
    try {
      await use(raster);
    } finally {
      await raster.close();
    }
  });

const readAll = (raster: GeoRaster) => raster.read({ x: 0, y: 0, width: raster.width, height: raster.height });

test("of a block no more is read than it can hold, whatever the file says", async () => {
  const pixels = noise(1, 64 * 32);
  const strip = stripTags([64, 32], 32, [[1024, 3 * 2 ** 30]]);
  const check = async (raster: GeoRaster) => {
    assert.deepEqual((await readAll(raster)).data, pixels);
    assert.equal(raster.stats().bytes, pixels.length);
  };
  await withFile(strip, new Map([[1024, pixels]]), check, 3.5 * 2 ** 30);
  const packed = deflateSync(pixels);
  const deflated = stripTags([64, 32], 32, [[1024, 2 ** 26]], [[259, 3, [8]]]);
  await withFile(
    deflated,
    new Map([[1024, packed]]),
    async (raster) => {
      assert.deepEqual((await readAll(raster)).data, pixels);
      assert.ok(raster.stats().bytes <= 2 * pixels.length + 2 ** 16, `${raster.stats().bytes} bytes`);
    },
    2 ** 27,
  );
});

test("a predictor counts for LZW, DEFLATE and Zstandard only, and where it goes with the samples", async () => {
  const pixels = noise(3, 64);
  const plain = stripTags([64, 1], 1, [[1024, 64]], [[317, 3, [2]]]);
  await withFile(plain, new Map([[1024, pixels]]), async (raster) =>
    assert.deepEqual((await readAll(raster)).data, pixels),
  );
  const packBits = stripTags(
    [64, 1],
    1,
    [[1024, 65]],
    [
      [317, 3, [7]],
      [259, 3, [32773]],
    ],
  );
  await withFile(packBits, new Map([[1024, Uint8Array.of(63, ...pixels)]]), async (raster) =>
    assert.deepEqual((await readAll(raster)).data, pixels),
  );
  const deflated = (bits: number, predictor: number): PlainTag[] =>
    stripTags(
      [64, 1],
      1,
      [[1024, 64]],
      [
        [317, 3, [predictor]],
        [259, 3, [8]],
        [258, 3, [bits]],
      ],
    );
  const open = (tags: PlainTag[]) => withFile(tags, new Map([[1024, deflateSync(pixels)]]), async () => {});
  await assert.rejects(open(deflated(1, 2)), /predictor 2 of uint1 samples is not supported/);
  await assert.rejects(open(deflated(16, 3)), /predictor 3 of uint16 samples is not supported/);
});

test("a last strip padded to the length of the others is cut", async () => {
  const pixels = noise(4, 32 * 32);
  const wanted = pixels.subarray(0, 32 * 24);
  const halves = [pixels.subarray(0, 512), pixels.subarray(512)].map((half) => deflateSync(half));
  const pieces = new Map(halves.map((half, i) => [1024 * (i + 1), half]));
  const places = halves.map((half, i) => [1024 * (i + 1), half.length] as const);
  await withFile(stripTags([32, 24], 16, places, [[259, 3, [8]]]), pieces, async (raster) =>
    assert.deepEqual((await readAll(raster)).data, wanted),
  );
  const picture = sharp(Buffer.alloc(32 * 16, 90), { raw: { width: 32, height: 16, channels: 1 } });
  const jpeg = await picture.toColourspace("b-w").jpeg().toBuffer();
  const twice = [1024, 1024].map((offset) => [offset, jpeg.length] as const);
  await withFile(stripTags([32, 24], 16, twice, [[259, 3, [7]]]), new Map([[1024, jpeg]]), async (raster) =>
    assert.deepEqual((await readAll(raster)).data, new Uint8Array(32 * 24).fill(90)),
  );
});

test("of a tag with millions of values only those that count are read", () =>
  withFolder(async (folder) => {
    const path = join(folder, "odd.tif");
    const many = { at: 4096, count: 40_000_000 };
    const odd: PlainTag[] = [
      [256, 4, many],
      [257, 4, many],
      [273, 4, many],
      [279, 4, many],
      [42113, 3, many],
    ];
    await writePlainTiff(path, [stripTags([1, 1], 1, [], odd)], new Map([[4096, Uint8Array.of(16)]]), 2 ** 28);
    const source = await openSource(path);
    let read = 0;
    const counted = {
      ...source,
      read: (offset: number, length: number) => {
        read += length;
        return source.read(offset, length);
      },
    };
    const [directory] = await readDirectories(counted);
    assert.equal(await directory.number(256, 0), 16);
    assert.deepEqual(await directory.numbers(273, 3), [16, 0, 0]);
    assert.ok(read < 10_000, `${read} bytes`);
    await assert.rejects(directory.allNumbers(257, 2 ** 20), /tag 257 is of 160000000 bytes/);
    await source.close();
    await assert.rejects(openGeoTiff(path), /tag 42113 is of 80000000 bytes/);
  }));

test("GeoKeys that are no 16-bit numbers are no GeoKeys", () => {
  const keys: PlainTag = [34735, 12, [1, 1, 0, 1, 3072, 0, 1, 1e6]];
  return withFile(stripTags([8, 1], 1, [[1024, 8]], [keys]), new Map([[1024, noise(5, 8)]]), async ({ grid }) => {
    assert.deepEqual(grid.tags, []);
    assert.equal(grid.geoKeys.size, 0);
  });
});

test("an overview that could not be opened once is tried again", () =>
  withFolder(async (folder) => {
    const path = join(folder, "odd.tif");
    const bits = [8, 8, 8];
    const colour: PlainTag[] = [
      [277, 3, [3]],
      [262, 3, [2]],
    ];
    const far: PlainTag[] = [...colour, [254, 4, [1]], [258, 3, { at: 200_000, count: 3 }]];
    const pieces = new Map([
      [4096, noise(6, 64 * 3)],
      [200_000, new Uint8Array(Uint16Array.from(bits).buffer)],
    ]);
    const full = stripTags([8, 8], 8, [[4096, 64 * 3]], [...colour, [258, 3, bits]]);
    await writePlainTiff(path, [full, stripTags([4, 4], 4, [[4096, 16 * 3]], far)], pieces, 2 ** 18);
    await withRangeServer(await readFile(path), async (server) => {
      const network = { firstPauseMs: 1 };
      const raster = await openGeoTiff(server.url, { allowPrivateHosts: true, network });
      const read = () => raster.readLevel(1, { x: 0, y: 0, width: 4, height: 4 });
      server.trick = (_, response) => Boolean(response.writeHead(503).end());
      await assert.rejects(read(), /the server answers 503/);
      server.trick = undefined;
      assert.equal((await read()).data[0], noise(6, 1)[0]);
      await raster.close();
    });
  }));

test("blocks that fit together into the room a large one leaves are decoded together", async () => {
  const cache = createBlockCache(100);
  const started: number[] = [];
  const ends = new Map<number, () => void>();
  const get = (key: number, bytes: number) =>
    cache.get(key, bytes, async () => {
      started.push(key);
      await new Promise<void>((end) => ends.set(key, end));
      return new Uint8Array(bytes);
    });
  const all = [get(0, 100), get(1, 50), get(2, 50)];
  const settled = () => new Promise((done) => setImmediate(done));
  await settled();
  assert.deepEqual(started, [0]);
  ends.get(0)?.();
  await settled();
  assert.deepEqual(started, [0, 1, 2]);
  for (const key of [1, 2]) ends.get(key)?.();
  await Promise.all(all);
});

test("integers of 64 bits are doubles, and refused where a double is another number", async () => {
  const read = async (values: readonly bigint[], isSigned: boolean) => {
    const format = [339, 3, [isSigned ? 2 : 1]] as const;
    const tags = stripTags([values.length, 1], 1, [[1024, 8 * values.length]], [[258, 3, [64]], format]);
    const pieces = new Map([[1024, new Uint8Array(BigInt64Array.from(values).buffer)]]);
    let data: ArrayLike<number> = [];
    await withFile(tags, pieces, async (raster) => {
      data = (await readAll(raster)).data;
    });
    return [...(data as Float64Array)];
  };
  const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n];
  assert.deepEqual(await read([-5n, 2n ** 40n + 1n, lowest, highest], true), [-5, 2 ** 40 + 1, -(2 ** 63), 2 ** 63]);
  assert.deepEqual(await read([7n, 2n ** 53n, -1n], false), [7, 2 ** 53, 2 ** 64]); // all bits set
  await assert.rejects(
    read([2n ** 53n + 1n], true),
    /block 0 cannot be decoded \(a sample of 64 bits is beyond 2\^53\)/,
  );
  await assert.rejects(read([-(2n ** 53n) - 1n], true), /beyond 2\^53/);
});
