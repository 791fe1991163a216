/**
 * @file Scenes in overlapping windows: weights sum to 1, the exact mode gives the whole-scene pass, bit for bit, for a model of finite reach,
 * the default to rounding; strips carried in a file are those carried in memory.
 */
import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { axisWeights, axisWindows, BLEND_MODES, type GeoRaster, openGeoTiff } from "../../src/raster/index.js";
import { createBlender } from "../../src/scene/blend.js";
import { openCarry } from "../../src/scene/carry.js";
import type { OpenModel } from "../../src/open-model.js";
import { type Blended, blended } from "../support/blended.js";
import { fill, fillIntegers } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";
import { REACH, tinyModel } from "../support/geo-model.js";

test("weights of 200 random axes are not negative and sum to 1 at every pixel, in every mode", () => {
  const [lengths, tiles, shares] = [3, 4, 5].map((seed) => fillIntegers(seed, 200, 997));
  for (let i = 0; i < 200; i++) {
    const tile = 2 + (tiles[i] % 128);
    const share = Math.floor(((shares[i] / 996) * tile) / 2);
    const align = [1, 2, 4, 8][i % 4];
    const even = (value: number) => Math.floor(value / align) * align;
    const axis = axisWindows(1 + lengths[i], Math.max(align, even(tile)), even(Math.min(share, even(tile) / 2)), align);
    for (const mode of BLEND_MODES) {
      const sums = new Float64Array(axis.length);
      const weights = axisWeights(axis, mode);
      for (const [w, start] of axis.starts.entries()) {
        for (const [k, value] of weights[w].entries()) {
          assert.ok(value >= 0, `${mode}: weight ${value}`);
          sums[start + k] += value;
        }
      }
      const worst = Math.max(...sums.map((sum) => Math.abs(sum - 1)));
      assert.ok(worst < 1e-12, `${mode}, ${axis.length} pixels in ${tile} by ${axis.overlap}: off by ${worst}`);
      assert.ok(axis.starts.every((start) => start % align === 0) && axis.ends[axis.ends.length - 1] === axis.length);
    }
  }
});

const [WIDTH, HEIGHT] = [301, 257];

/** Largest difference of two blends, and pixels whose bits differ. */
function compare(a: Blended, b: Blended) {
  let [worst, differing] = [0, 0];
  for (let i = 0; i < a.probabilities.length; i++) {
    const off = Math.abs(a.probabilities[i] - b.probabilities[i]);
    if (off > worst) worst = off;
    if (a.probabilities[i] !== b.probabilities[i]) differing++;
  }
  return { worst, differing };
}

describe("a scene of many windows against the same scene in one", () => {
  const withScene = (use: (scene: GeoRaster, model: OpenModel, whole: Blended) => Promise<void>, encoder?: string) =>
    withFolder(async (folder) => {
      const scene = await openGeoTiff(await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 3]));
      const model = await tinyModel(encoder ? { encoder } : {});
      const whole = await blended(model, scene, { tile: 1024, blend: "none" });
      assert.equal(whole.windows, 1);
      await use(scene, model, whole);
      await model.close();
      await scene.close();
    });

  test("crop is the whole-scene pass bit for bit over five tile sizes, where half the overlap covers the model's reach", () =>
    withScene(async (scene, model, whole) => {
      for (const [tile, overlap] of [
        [48, 2 * REACH],
        [64, 16],
        [77, 9],
        [100, 50],
        [160, 32],
      ]) {
        const parts = await blended(model, scene, { tile, overlap, blend: "crop" });
        assert.ok(parts.windows > 3);
        assert.deepEqual(compare(parts, whole), { worst: 0, differing: 0 }, `tile ${tile}, overlap ${overlap}`);
      }
    }));

  test("the default is it within 1e-6 over five tile sizes, where its dead margin covers the reach", () =>
    withScene(async (scene, model, whole) => {
      for (const tile of [64, 72, 96, 128, 200]) {
        const parts = await blended(model, scene, { tile, margin: REACH });
        const { worst, differing } = compare(parts, whole);
        assert.ok(worst <= 1e-6, `tile ${tile}: off by ${worst}`);
        assert.ok(differing > 0, "sums of weights round somewhere: the comparison sees the blend");
      }
    }));

  test("without overlap seams show, so the comparison can fail", () =>
    withScene(async (scene, model, whole) => {
      assert.ok(compare(await blended(model, scene, { tile: 64, overlap: 0, blend: "none" }), whole).worst > 0.01);
    }));

  test("windows of a network that halves its maps start where it sees pixels alike", () =>
    withScene(async (scene, model, whole) => {
      for (const [tile, overlap] of [
        [64, 32],
        [88, 40],
        [136, 48],
      ]) {
        const parts = await blended(model, scene, { tile, overlap, blend: "crop" });
        assert.deepEqual(compare(parts, whole), { worst: 0, differing: 0 }, `tile ${tile}`);
      }
      const shifted = await blended(model, scene, { tile: 64, overlap: 30, blend: "cosine" });
      assert.ok(compare(shifted, whole).worst > 0.01, "windows that start elsewhere give something else");
      await assert.rejects(
        blended(model, scene, { tile: 64, overlap: 30, blend: "crop" }),
        /is no multiple of 8.*try 32/,
      );
    }, "coarse-test"));
});

test("strips that go through a file give the bits of strips in memory", () =>
  withFolder(async (folder) => {
    const [columns, rows] = [axisWindows(90, 32, 12), axisWindows(75, 32, 16)];
    const [columnWeights, rowWeights] = [columns, rows].map((axis) => axisWeights(axis, "cosine"));
    const pieceBytes = 4 * 2 * 32 * 32;
    const results = [Number.POSITIVE_INFINITY, 0, 1.5 * pieceBytes].map(async (budget, i) => {
      const own = join(folder, String(i));
      await mkdir(own);
      const carry = openCarry({ folder: own, pieceBytes }, budget);
      const blender = createBlender({ columns, rows, columnWeights, rowWeights }, carry);
      const parts: Float32Array[] = [];
      for (let row = 0, seed = 1; row < rows.starts.length; row++) {
        for (let column = 0; column < columns.starts.length; column++, seed++) {
          const planes = [0, 1].map((k) => ({ data: fill(2 * seed + k, 32 * 32, 1), stride: 32 }));
          const block = await blender.add(column, row, row === 1 && column === 1 ? undefined : planes);
          for (const { data } of block?.planes ?? []) parts.push(data);
        }
      }
      await carry.close();
      return { parts, files: await readdir(own) };
    });
    const [inMemory, inFile, inBoth] = await Promise.all(results);
    assert.ok(inMemory.parts.length > 8);
    assert.deepEqual([inMemory.files, inFile.files, inBoth.files], [[], ["carry.spool"], ["carry.spool"]]);
    assert.deepEqual(inFile.parts, inMemory.parts);
    assert.deepEqual(inBoth.parts, inMemory.parts);
  }));
