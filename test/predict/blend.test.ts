/**
 * @file Scenes in overlapping windows: weights sum to 1, the exact mode gives the whole-scene pass for a model of finite reach,
 * and memory does not grow with the number of rows.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  axisWeights,
  axisWindows,
  BLEND_MODES,
  type BlendMode,
  type GeoRaster,
  openGeoTiff,
} from "../../src/raster/index.js";
import { mapScene } from "../../src/scene/index.js";
import { silent } from "../../src/talk.js";
import { fillIntegers } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { noise, writeScene } from "../support/geo-files.js";
import { CLASSES, REACH, tinyModel } from "../support/geo-model.js";

test("weights of 200 random axes are not negative and sum to 1 at every pixel, in every mode", () => {
  const [lengths, tiles, shares] = [3, 4, 5].map((seed) => fillIntegers(seed, 200, 997));
  for (let i = 0; i < 200; i++) {
    const tile = 2 + (tiles[i] % 128);
    const axis = axisWindows(1 + lengths[i], tile, Math.floor(((shares[i] / 996) * tile) / 2));
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
    }
  }
});

interface Mapped {
  readonly classes: Uint8Array;
  /** Most rows handed on at once, and the largest window read. */
  readonly rows: number;
  readonly pixels: number;
}

async function mapWith(scene: GeoRaster, tile: number, overlap: number, blend: BlendMode): Promise<Mapped> {
  const model = await tinyModel();
  const parts: Uint8Array[] = [];
  let pixels = 0;
  const watched: GeoRaster = {
    ...scene,
    read(window, bands) {
      pixels = Math.max(pixels, window.width * window.height);
      return scene.read(window, bands);
    },
  };
  const options = { tile, overlap, blend, classes: CLASSES.length };
  await mapScene(watched, model.predictor, options, async (part) => void parts.push(part), silent.progress("", 1));
  await model.close();
  const rows = Math.max(...parts.map(({ length }) => length / scene.width));
  return { classes: Uint8Array.from(Buffer.concat(parts)), rows, pixels };
}

const [WIDTH, HEIGHT] = [301, 257];
const differing = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, value, i) => sum + (value === b[i] ? 0 : 1), 0);

describe("a scene of many windows against the same scene in one", () => {
  const withScene = (use: (scene: GeoRaster, whole: Uint8Array) => Promise<void>) =>
    withFolder(async (folder) => {
      const scene = await openGeoTiff(await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 3]));
      const { classes } = await mapWith(scene, 1024, 0, "none");
      await use(scene, classes);
      await scene.close();
    });

  test("crop is the whole-scene pass, whatever the tile, where half the overlap covers the model's reach", () =>
    withScene(async (scene, whole) => {
      assert.equal(whole.length, WIDTH * HEIGHT);
      assert.ok(new Set(whole).size > 1, "the model tells pixels apart");
      for (const [tile, overlap] of [
        [48, 2 * REACH],
        [64, 16],
        [100, 50],
      ]) {
        const mapped = await mapWith(scene, tile, overlap, "crop");
        assert.equal(differing(mapped.classes, whole), 0, `tile ${tile}, overlap ${overlap}`);
        assert.ok(mapped.rows <= tile && mapped.pixels <= tile * tile, "no more than a window row is held");
      }
    }));

  test("cosine is it too, where its dead margin, an eighth of the overlap, covers the reach", () =>
    withScene(async (scene, whole) => {
      const mapped = await mapWith(scene, 64, 8 * REACH, "cosine");
      const off = differing(mapped.classes, whole); // sums of weights round, so exact ties alone may turn
      assert.ok(off <= 2, `${off} pixels differ`);
    }));

  test("without overlap seams show, so the comparison can fail", () =>
    withScene(async (scene, whole) => {
      assert.ok(differing((await mapWith(scene, 64, 0, "none")).classes, whole) > 50);
    }));
});

test("gaussian and none join windows into one map of every pixel", () =>
  withFolder(async (folder) => {
    const scene = await openGeoTiff(await writeScene(join(folder, "scene.tif"), [90, 75, 3], noise(90, 75, 3, 8)));
    for (const blend of ["gaussian", "none"] as const) {
      const { classes } = await mapWith(scene, 32, 8, blend);
      assert.equal(classes.length, 90 * 75);
      assert.ok(classes.every((value) => value < CLASSES.length));
    }
    await scene.close();
  }));

test("memory follows the width of a scene, not its rows: eight times the rows, within 60 MiB of each other", async () => {
  const peak = async (rows: number) => {
    const script = fileURLToPath(new URL("memory.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script, String(rows)]);
    return Number(stdout);
  };
  const [low, high] = [await peak(1024), await peak(8192)]; // sums of the whole scene would be 16 and 134 MB
  assert.ok(low > 0 && high - low < 60, `${low} MiB for 1024 rows, ${high} MiB for 8192`);
});
