/**
 * @file GeoTIFFs behind an address are the local ones pixel by pixel, read with few requests, nothing twice, through a cache that keeps its budget;
 * servers without ranges are copied once.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Raster } from "../../src/contract.js";
import { openSource, type SourceOptions } from "../../src/raster/geotiff/source.js";
import { type GeoRaster, openGeoTiff } from "../../src/raster/index.js";
import { BLOCK_BYTES, createRangeCache } from "../../src/raster/remote/range-cache.js";
import { withFolder } from "../support/folder.js";
import { GEO, noise, writeScene } from "../support/geo-files.js";
import { withRangeServer } from "../support/range-server.js";

const ALLOW: SourceOptions = { allowPrivateHosts: true, network: { firstPauseMs: 1 } };
/** No decoded block is kept, so that every window asks the cache of ranges again. */
const OPTIONS = { ...ALLOW, cacheBytes: 1 };

/** Windows of 256 pixels from left to right, the last ones of a row and a column cut. */
async function* pass(raster: GeoRaster, size = 256): AsyncGenerator<Raster> {
  for (let y = 0; y < raster.height; y += size) {
    for (let x = 0; x < raster.width; x += size) {
      const [width, height] = [Math.min(size, raster.width - x), Math.min(size, raster.height - y)];
      yield raster.read({ x, y, width, height });
    }
  }
}

async function windowsOf(raster: GeoRaster, size?: number): Promise<Raster[]> {
  const windows: Raster[] = [];
  for await (const window of pass(raster, size)) windows.push(window);
  return windows;
}

async function localWindows(path: string, size?: number): Promise<Raster[]> {
  const raster = await openGeoTiff(path);
  try {
    return await windowsOf(raster, size);
  } finally {
    await raster.close();
  }
}

/** Requests that a pass over the whole scene may take, opening included. */
const CEILINGS = {
  "cogeo.tif": 4, // a tiled COG of 5 blocks
  "alpha.tif": 2,
  "L7_ETMs.tif": 5, // strips of three rows, 118 of them
  "RGB.byte.tif": 6, // 240 strips
  "ms1.tif": 6, // 300 strips of one row
  "sample_geotiff.tif": 6, // a plane for each band
  "lc.tif": 1,
};

describe("real scenes", { skip: existsSync(GEO) ? false : "the shared rasters are not on this machine" }, () => {
  for (const [name, ceiling] of Object.entries(CEILINGS)) {
    test(`${name} in at most ${ceiling} requests, its pixels those of the local file`, async () => {
      const path = join(GEO, name);
      await withRangeServer(readFileSync(path), async (server) => {
        const raster = await openGeoTiff(server.url, OPTIONS);
        assert.deepEqual(await windowsOf(raster), await localWindows(path));
        assert.ok(server.seen.length <= ceiling, `${server.seen.length} requests`);
        assert.ok(server.sent <= server.content.length, `${server.sent} bytes: some of them twice`);
        const before = server.seen.length;
        await windowsOf(raster);
        assert.equal(server.seen.length, before, "a second pass fetches nothing");
        await raster.close();
      });
    });
  }
});

test("a window of a tiled scene takes a request for each row of its tiles, at most four at a time", async () => {
  await withFolder(async (folder) => {
    const path = await writeScene(join(folder, "wide.tif"), [2048, 1536, 3], noise(2048, 1536, 3));
    await withRangeServer(await readFile(path), async (server) => {
      server.delay = 20;
      const raster = await openGeoTiff(server.url, OPTIONS);
      assert.deepEqual(await windowsOf(raster, 1024), await localWindows(path, 1024));
      const most = 2 + 2 * Math.ceil(raster.height / raster.blockHeight); // the header, and two windows side by side
      assert.ok(server.seen.length <= most, `${server.seen.length} requests, ${most} allowed`);
      assert.ok(server.sent <= server.content.length, "nothing came twice");
      assert.ok(server.together <= 4, `${server.together} requests at a time`);
      await raster.close();
    });
  });
});

test("with the smallest cache the pixels are the same", async () => {
  await withFolder(async (folder) => {
    const path = await writeScene(join(folder, "scene.tif"), [1024, 768, 3], noise(1024, 768, 3));
    await withRangeServer(await readFile(path), async (server) => {
      const raster = await openGeoTiff(server.url, { ...OPTIONS, rangeCacheBytes: 1 });
      assert.deepEqual(await windowsOf(raster), await localWindows(path));
      assert.ok(server.content.length > 16 * BLOCK_BYTES, "the file is larger than the cache");
      await raster.close();
    });
  });
});

/** A file whose bytes tell their place, behind a cache of 64 blocks; every load is noted with what was held meanwhile. */
function countedCache(capacity = 64) {
  const size = 1000 * BLOCK_BYTES - 7;
  const byteAt = (position: number) => (position * 7 + Math.floor(position / BLOCK_BYTES)) % 251;
  const loads: { first: number; count: number; held: number }[] = [];
  const cache = createRangeCache(capacity * BLOCK_BYTES, async (first, count) => {
    loads.push({ first, count, held: cache.held() });
    await new Promise((done) => setImmediate(done));
    return Array.from({ length: count }, (_, i) => {
      const at = (first + i) * BLOCK_BYTES;
      return Buffer.from(Array.from({ length: Math.min(BLOCK_BYTES, size - at) }, (_, k) => byteAt(at + k)));
    });
  });
  const check = async (offset: number, length: number) => {
    const bytes = await cache.read(offset, length);
    assert.equal(bytes.length, length);
    assert.ok(bytes.every((byte, i) => byte === byteAt(offset + i)));
  };
  return { cache, loads, check, size };
}

test("the cache holds no more blocks than its budget, whatever is read together", async () => {
  const { cache, loads, check, size } = countedCache();
  const reads = Array.from({ length: 40 }, (_, i) => check(i * 24 * BLOCK_BYTES + 1234, 3 * BLOCK_BYTES));
  cache.prefetch(Array.from({ length: 300 }, (_, i) => [i * 3 * BLOCK_BYTES, 10] as const));
  await Promise.all([...reads, check(size - 10, 10), check(5, 100 * BLOCK_BYTES)]);
  assert.ok(Math.max(...loads.map(({ held }) => held)) <= 64, "while loading");
  assert.ok(cache.held() <= 64, "afterwards");
  assert.ok(cache.held() > 32, "and the budget is used");
});

test("a block is fetched once however many ask for it, and neighbours in one request", async () => {
  const { cache, loads, check } = countedCache();
  const tiles = Array.from({ length: 12 }, (_, i) => [500 + i * 20_000, 19_000] as const); // gaps of 1 000 bytes
  cache.prefetch(tiles);
  await Promise.all([...tiles, ...tiles].map(([offset, length]) => check(offset, length)));
  assert.deepEqual(
    loads.map(({ first, count }) => [first, count]),
    [[0, 4]],
  );
});

test("what could not be fetched ahead is asked for again by its read, which tells the error", async () => {
  let asked = 0;
  const cache = createRangeCache(0, async () => {
    if (++asked < 3) throw new Error(`failure ${asked}`);
    return [Buffer.alloc(BLOCK_BYTES, 9)];
  });
  cache.prefetch([[0, 10]]);
  await new Promise((done) => setImmediate(done));
  await assert.rejects(cache.read(0, 10), /failure 2/);
  assert.deepEqual(await cache.read(0, 2), Buffer.from([9, 9]));
});

test("a server without ranges sends the file once, into a temporary file that has no name", async () => {
  await withFolder(async (folder) => {
    const path = await writeScene(join(folder, "scene.tif"), [300, 200, 3]);
    await withTemporaries(async (temporaries) => {
      await withRangeServer(await readFile(path), async (server) => {
        server.knowsRanges = false;
        const raster = await openGeoTiff(server.url, OPTIONS);
        assert.deepEqual(await windowsOf(raster), await localWindows(path));
        assert.equal(server.seen.length, 1);
        assert.deepEqual(await readdir(temporaries), []);
        await raster.close();
        const source = await openSource(server.url, ALLOW);
        assert.deepEqual(source.traffic?.(), { requests: 1, bytes: server.content.length, downloaded: true });
        assert.deepEqual(await source.read(100, 50), server.content.subarray(100, 150));
        await assert.rejects(source.read(server.content.length - 5, 6), /it ends at byte/);
        await source.close();
      });
    });
  });
});

async function withTemporaries(use: (folder: string) => Promise<void>): Promise<void> {
  const before = process.env.TMPDIR;
  await withFolder(async (folder) => {
    process.env.TMPDIR = folder;
    try {
      await use(folder);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
}

test("a source tells its traffic and its version, local files theirs", async () => {
  await withFolder(async (folder) => {
    const path = await writeScene(join(folder, "scene.tif"), [300, 200, 3]);
    await withRangeServer(await readFile(path), async (server) => {
      const size = server.content.length;
      const remote = await openSource(server.url, ALLOW);
      assert.deepEqual(remote.traffic?.(), { requests: 1, bytes: BLOCK_BYTES, downloaded: false });
      assert.equal(remote.identity, `etag "first", ${size} bytes`);
      await remote.read(0, size);
      assert.deepEqual(remote.traffic?.(), { requests: 2, bytes: size, downloaded: false });
      await remote.close();
      server.etag = undefined;
      server.modified = "Tue, 03 Jun 2025 10:00:00 GMT";
      const dated = await openSource(server.url, ALLOW);
      assert.equal(dated.identity, `modified ${server.modified}, ${size} bytes`);
      await dated.close();
    });
    const local = await openSource(path);
    assert.match(local.identity, /^modified \d{4}-.*Z, \d+ bytes$/);
    assert.equal(local.traffic, undefined);
    await local.close();
  });
});
