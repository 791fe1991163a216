/**
 * @file The traps in which readers of GeoTIFFs give wrong pixels, wrong places or re-read what they have, one test each; and the forms that are
 * refused by name. Files: test/fixtures/geotiff-matrix.py, and our own writer.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { SegError } from "../../src/errors.js";
import { cropRaster, type GeoRaster, openGeoTiff, requirePlace } from "../../src/raster/index.js";

const PYTHON = join(import.meta.dirname, "../../.venv/bin/python");
const skip = existsSync(PYTHON) ? false : "rasterio is not installed in .venv";
const folder = mkdtempSync(join(tmpdir(), "seg-traps-"));
if (!skip) makeFiles();
after(() => rmSync(folder, { recursive: true, force: true }));

function makeFiles(): void {
  const script = join(import.meta.dirname, "../fixtures/geotiff-matrix.py");
  execFileSync(PYTHON, [script, folder, "traps"], { stdio: "pipe" });
}

async function withFile<T>(name: string, use: (raster: GeoRaster) => Promise<T>, options = {}): Promise<T> {
  const raster = await openGeoTiff(join(folder, `${name}.tif`), options);
  try {
    return await use(raster);
  } finally {
    await raster.close();
  }
}

const whole = ({ width, height }: GeoRaster) => ({ x: 0, y: 0, width, height });
const readAll = (name: string) => withFile(name, (raster) => raster.read(whole(raster)));
const sameAs = async (name: string, other: string) => assert.deepEqual(await readAll(name), await readAll(other));

describe("traps", { skip }, () => {
  test("1: YCbCr JPEG comes out as RGB, not as luma and chroma", async () => {
    const [red, blue] = await Promise.all([readAll("red-ycbcr"), readAll("red-rgb")]);
    assert.ok(red.data.every((value, i) => Math.abs(Number(value) - Number(blue.data[i])) <= 2));
    assert.ok(red.data[0] > 180 && red.data[1] < 80);
  });

  test("2: big-endian 16-bit samples with predictor 2 are summed as numbers, not as bytes in the wrong order", () =>
    sameAs("uint16-tiles-deflate-predictor2-big", "uint16-tiles-deflate-predictor2-little"));

  test("3: 12-bit samples are refused by name, not unpacked wrongly", () =>
    refused("bits12", /12-bit uint samples \(NBITS\) is not supported; convert it with gdal_translate/));

  test("4: tie points of PixelIsPoint are centres, and a rotated file keeps its rotation", async () => {
    const point = await withFile("pixel-is-point", async ({ grid }) => grid);
    assert.deepEqual(point.transform, [500000, 10, 0, 5800000, 0, -10]);
    assert.deepEqual(point.tags.find(({ tag }) => tag === 33922)?.values, [0, 0, 0, 500005, 5799995, 0]);
    const rotated = await withFile("rotated", async ({ grid }) => grid);
    assert.deepEqual(rotated.transform, [500000, 8, 3, 5800000, 3, -8]);
  });

  test("5: masks are no images: each is the validity of its level", () =>
    withFile("masked-overviews", async (raster) => {
      assert.equal(raster.overviews.length, 2);
      const [full, half] = [
        await raster.read(whole(raster)),
        await raster.readLevel(1, { x: 0, y: 0, width: 42, height: 31 }),
      ];
      assert.ok(full.valid?.includes(0) && half.valid?.includes(0));
      assert.equal(half.valid?.length, 42 * 31);
    }));

  test("6: a window over strips reads each strip it touches once, and no other", () =>
    withFile("uint16-strips-lzw-predictor2-little", async (raster) => {
      await raster.read({ x: 5, y: 8, width: 20, height: 14 });
      const { blocks, decoded } = raster.stats();
      assert.deepEqual([blocks, decoded], [3, 3]); // rows 7 to 27 in strips of 7
    }));

  test("7: what was decoded is not decoded again, as long as the cache holds it", () =>
    withFile("uint16-tiles-deflate-predictor2-little", async (raster) => {
      const first = await raster.read(whole(raster));
      const { decoded } = raster.stats();
      assert.deepEqual(await raster.read(whole(raster)), first);
      assert.equal(raster.stats().decoded, decoded);
    }));
});

async function refused(name: string, says: RegExp): Promise<void> {
  await assert.rejects(openGeoTiff(join(folder, `${name}.tif`)), (error) => {
    assert.ok(error instanceof SegError, String(error));
    assert.match(error.message, says);
    return true;
  });
}

/** The file with another compression code in its first directory (classic, little-endian). */
async function withCompression(name: string, code: number): Promise<string> {
  const bytes = await readFile(join(folder, `${name}.tif`));
  const start = bytes.readUInt32LE(4);
  for (let at = start + 2; at < start + 2 + 12 * bytes.readUInt16LE(start); at += 12) {
    if (bytes.readUInt16LE(at) === 259) bytes.writeUInt16LE(code, at + 8);
  }
  await writeFile(join(folder, `coded-${code}.tif`), bytes);
  return `coded-${code}`;
}

describe("forms that are refused by name, with what to do", { skip }, () => {
  const remedy = "is not supported; convert it with gdal_translate -of COG -co COMPRESS=DEFLATE";
  test("LZMA", () => refused("lzma", new RegExp(`LZMA compression ${remedy}`)));
  test("JPEG XL", async () => {
    for (const code of [50002, 52546])
      await refused(await withCompression("rotated", code), new RegExp(`JPEG XL compression ${remedy}`));
  });
  test("complex samples", () => refused("complex", new RegExp(`complex samples ${remedy}`)));
  test("a compressed strip that does not fit into memory", () =>
    refused("huge-strip", new RegExp(`a block of 900000000 bytes ${remedy}`)));
});

describe("places that are no affine transform", { skip }, () => {
  test("ground control points only: read and carried, moved with a part, refused where a place is needed", () =>
    withFile("gcps", async (raster) => {
      assert.equal(raster.grid.transform, undefined);
      assert.throws(() => requirePlace(raster.grid, raster.path), /ground control points only; warp it: gdalwarp/);
      const part = cropRaster(raster, { x: 4, y: 3, width: 20, height: 10 });
      const [before, after] = [raster, part].map(({ grid }) => grid.tags.find(({ tag }) => tag === 33922)?.values);
      assert.ok(Array.isArray(before) && Array.isArray(after));
      assert.deepEqual(after.slice(0, 6), [before[0] - 4, before[1] - 3, ...before.slice(2, 6)]);
    }));

  test("rational polynomials only: the same", () =>
    withFile("rpc", async (raster) => {
      assert.throws(() => requirePlace(raster.grid, raster.path), /rational polynomials \(RPC\) only; orthorectify it/);
      const part = cropRaster(raster, { x: 4, y: 3, width: 20, height: 10 });
      const values = part.grid.tags.find(({ tag }) => tag === 50844)?.values;
      assert.ok(Array.isArray(values));
      assert.deepEqual(values.slice(2, 4), [12, 16]); // line and sample offsets were 15 and 20
    }));
});
