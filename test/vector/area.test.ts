/** @file Square metres of pixels: on the ellipsoid in Mercator's systems, by the latitudes of a turned raster, in units other than metres. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { metresPerUnit, systemOfEpsg, transformer, WGS84 } from "../../src/crs/index.js";
import type { Transform } from "../../src/raster/index.js";
import { pixelArea } from "../../src/vector/area.js";

/** Area of one pixel. */
function areaAt(transform: Transform, epsg: number, [column, row]: readonly [number, number] = [0, 0]): number {
  const area = pixelArea(transform, systemOfEpsg(epsg, "map.tif"), 10);
  if ("each" in area) return area.each;
  const cells = area.ofRow(row);
  return typeof cells === "number" ? cells : cells[column];
}

const near = (got: number, expected: number, share: number) =>
  assert.ok(Math.abs(got / expected - 1) < share, `${got}, not ${expected}`);

test("pixels of Mercator's systems and equirectangular ones are those of longitude and latitude", () => {
  for (const epsg of [3857, 3395, 3832, 4087]) {
    const toPlane = transformer(WGS84, systemOfEpsg(epsg, "map.tif"), "map.tif")!;
    const [[left, top], [right, bottom]] = [toPlane([12, 60.001]), toPlane([12.001, 60])];
    const expected = areaAt([12, 0.001, 0, 60.001, 0, -0.001], 4326);
    near(areaAt([left, right - left, 0, top, 0, bottom - top], epsg), expected, 1e-6);
  }
});

test("pixels of other projections are those of the plane, in metres of their unit", () => {
  assert.equal(areaAt([500_000, 10, 0, 5_800_000, 0, -10], 32633), 100);
  near(areaAt([0, 10, 0, 0, 0, -10], 2263), (10 * 1200) ** 2 / 3937 ** 2, 1e-12);
  near(areaAt([0, 10, 0, 0, 0, -10], 3140), 2.01168 ** 2, 1e-12);
});

test("a turned raster of longitudes and latitudes weighs pixels by their own latitude", () => {
  const turned: Transform = [10, 0, 0.1, 50, 0.1, 0];
  for (const column of [0, 7]) {
    const upright = areaAt([10, 0.1, 0, 50 + 0.1 * (column + 1), 0, -0.1], 4326);
    near(areaAt(turned, 4326, [column, 3]), upright, 1e-12);
  }
});

test("the size of every unit in the table of systems is known, of no other", () => {
  const table = readFileSync(new URL("../../src/crs/table.json", import.meta.url), "utf8");
  const words = new Set(table.match(/\+units=[\w-]+/g));
  assert.ok(words.size >= 3);
  for (const word of words) assert.ok(metresPerUnit(`+proj=utm ${word}`) > 0, word);
  assert.throws(() => metresPerUnit("+proj=utm +units=cubit"), /internal: the size of the unit cubit/);
});
