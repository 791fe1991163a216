/** @file Masks and overviews beside an image: what they do to a map, and what is wrong with some. Their pixels are compared with GDAL's in matrix.test.ts. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { predict } from "../../src/predict.js";
import { openGeoTiff } from "../../src/raster/index.js";
import { withFolder } from "../support/folder.js";
import { noise, writeScene } from "../support/geo-files.js";
import { withModel } from "../support/geo-model.js";

const SIDE = 96;

/** A scene, and beside it a mask that leaves out its left half. */
async function writeMasked(folder: string, side = SIDE): Promise<string> {
  const path = await writeScene(join(folder, "scene.tif"), [SIDE, SIDE, 3], noise(SIDE, SIDE, 3, 4));
  const mask = Uint8Array.from({ length: side * side }, (_, i) => (i % side < side / 2 ? 0 : 255));
  await writeScene(`${path}.msk`, [side, side, 1], mask);
  return path;
}

const readAll = async (path: string) => {
  const raster = await openGeoTiff(path);
  const pixels = await raster.read({ x: 0, y: 0, width: raster.width, height: raster.height });
  await raster.close();
  return { raster, ...pixels };
};

test("a map has no data where the mask beside its scene has none", () =>
  withFolder(async (folder) => {
    const scene = await writeMasked(folder);
    const out = join(folder, "map.tif");
    const [{ error }] = await withModel((model) => predict(model, [scene], { tile: 64, out, inThreads: false }));
    assert.equal(error, undefined);
    const { data } = await readAll(out);
    assert.ok(data.every((value, i) => (value === 255) === i % SIDE < SIDE / 2));
  }));

test("a mask counts in what tells one version of a file from another", () =>
  withFolder(async (folder) => {
    const { raster } = await readAll(await writeMasked(folder));
    assert.deepEqual(raster.sidecars, [`${raster.path}.msk`]);
    assert.match(raster.identity, /^modified .*; modified .*$/);
  }));

test("a mask of another size, one of several bands, and what is no TIFF are named", () =>
  withFolder(async (folder) => {
    const path = await writeMasked(folder, 2 * SIDE);
    await assert.rejects(openGeoTiff(path), /scene\.tif\.msk: .*a mask of another size than its image/);
    await writeScene(`${path}.msk`, [SIDE, SIDE, 3], noise(SIDE, SIDE, 3, 4));
    await assert.rejects(openGeoTiff(path), /scene\.tif\.msk: a mask for each band is not supported/);
    await writeFile(`${path}.msk`, "mask");
    await assert.rejects(openGeoTiff(path), /scene\.tif\.msk: not a sound TIFF/);
    await writeMasked(folder);
    await writeFile(`${path}.ovr`, "overviews");
    await assert.rejects(openGeoTiff(path), /scene\.tif\.ovr: not a sound TIFF/);
  }));
