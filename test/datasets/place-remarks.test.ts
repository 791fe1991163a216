/** @file What is said of vector labels whose datum is shifted to their scene's: that the shift is less exact than a pixel. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { geotiff } from "../../datasets/geotiff.js";
import { makeGrid } from "../../src/raster/index.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";

const SQUARE = [
  [600_010, 5_709_980],
  [600_060, 5_709_980],
  [600_060, 5_709_930],
  [600_010, 5_709_930],
  [600_010, 5_709_980],
];

/** Warnings of a dataset of one scene in UTM zone 33 with a polygon in DHDN's or the scene's own system. */
const warningsOf = (pixel: number, epsg: number) =>
  withFolder(async (folder) => {
    const [scene, labels] = [join(folder, "scene.tif"), join(folder, "labels.geojson")];
    const grid = makeGrid(32, 32, [600_000, pixel, 0, 5_710_000, 0, -pixel], 32633);
    await writeScene(scene, [32, 32, 3], undefined, { grid });
    const crs = { type: "name", properties: { name: `urn:ogc:def:crs:EPSG::${epsg}` } };
    const x = epsg === 32633 ? 0 : 5_000_000 - 600_000; // far from the scene, which is warned of as well
    const coordinates = [SQUARE.map(([east, north]) => [east + x, north])];
    const features = [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates } }];
    await writeFile(labels, JSON.stringify({ type: "FeatureCollection", crs, features }));
    const dataset = await geotiff.geotiff.open(scene, {
      ...geotiff.geotiff.defaults,
      labels,
      size: 32,
      valFraction: 0,
    });
    return dataset.warnings.filter((line) => line.includes("is tied to WGS 84"));
  });

test("a shift known to 3 m is remarked upon once at pixels of 2 m, not at 10 m, nor where nothing is shifted", async () => {
  const [warning, ...more] = await warningsOf(2, 31469);
  assert.match(warning, /scene\.tif: EPSG:31469 \(.+\) is tied to WGS 84 with an accuracy of ~3 m; /);
  assert.deepEqual([more, await warningsOf(10, 31469), await warningsOf(2, 32633)], [[], [], []]);
});
