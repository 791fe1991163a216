/** @file Statistics of scenes: of the training part alone, nodata left out, stored with the dataset; labels do not count where there is no data. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { geotiff } from "../../datasets/geotiff.js";
import { IGNORE } from "../../src/contract.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";

const [WIDTH, HEIGHT] = [96, 32];

/** Nodata 0 in the left third, then 1000 to 1031 by row; the right third, which is held out, is a hundred times as bright. */
function brightness(x: number, y: number): number {
  if (x < 32) return 0;
  return x < 64 ? 1000 + y : 50_000;
}

test("2 and 98 % of the training windows' data, not of nodata nor of what is held out", () =>
  withFolder(async (folder) => {
    const data = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => brightness(i % WIDTH, Math.floor(i / WIDTH)));
    const scene = await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 1], data, { dtype: "uint16", nodata: 0 });
    const mask = new Uint8Array(WIDTH * HEIGHT).fill(1);
    const labels = await writeScene(join(folder, "labels.tif"), [WIDTH, HEIGHT, 1], mask);
    const open = (splitSeed: number) => {
      const own = { labels, classes: "a,b", size: 32, splitBy: "blocks", valFraction: 0.34, splitSeed };
      return geotiff.geotiff.open(scene, { ...geotiff.geotiff.defaults, ...own });
    };
    const found = [];
    for (let seed = 0; found.length === 0; seed++) {
      const dataset = await open(seed);
      const [held] = dataset.samples("val");
      if (held.id.endsWith("_64_0")) found.push(dataset);
    }
    const [{ statistics, photo, samples }] = found;
    assert.equal(photo, false);
    const near = (value: number | undefined, wanted: number) =>
      assert.ok(Math.abs((value ?? 0) - wanted) < 1, `${value}`);
    near(statistics?.low[0], 1000);
    near(statistics?.high[0], 1031);
    near(statistics?.mean[0], 1015.5);
    const empty = samples("train").find(({ id }) => id.endsWith("_0_0"));
    assert.ok(
      (await empty?.labels())?.data.every((value) => value === IGNORE),
      "nodata has no label",
    );
  }));
