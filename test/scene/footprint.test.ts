/** @file Outlines of scenes that go round a pole, all round the earth, or over 180 degrees: bounds and areas known beforehand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemOfEpsg } from "../../src/crs/index.js";
import { makeGrid, type Transform } from "../../src/raster/index.js";
import { footprintOf } from "../../src/scene/footprint.js";
import { twiceSignedArea } from "../../src/vector/rings.js";

const outline = (epsg: number, width: number, height: number, transform: Transform, geographic = false) =>
  footprintOf(makeGrid(width, height, transform, epsg, geographic), systemOfEpsg(epsg, "test"), "test");

test("a scene over a pole is what lies round it, not the rest of the earth", () => {
  const polar: Transform = [-1e6, 2e4, 0, 1e6, 0, -2e4];
  const upwards: Transform = [-1e6, 2e4, 0, -1e6, 0, 2e4];
  for (const [epsg, pole] of [
    [3413, 90],
    [3031, -90],
  ]) {
    for (const transform of [polar, upwards]) {
      const found = outline(epsg, 100, 100, transform);
      assert.ok(found?.geometry.type === "Polygon");
      const [west, south, east, north] = found.bbox;
      assert.deepEqual([west, east], [-180, 180]);
      assert.equal(pole > 0 ? north : south, pole);
      const edge = Math.abs(pole > 0 ? south : north);
      assert.ok(edge > 76 && edge < 78, `${edge}`); // 1414 km from the pole to a corner
      const [ring] = found.geometry.coordinates;
      const area = twiceSignedArea(Float64Array.from(ring.slice(0, -1).flat())) / 2;
      assert.ok(area > 360 * 9 && area < 360 * 13, `${area} square degrees`);
    }
  }
});

test("a scene all round the earth is the map's own outline", () => {
  for (const [epsg, west] of [
    [4269, -180],
    [4326, -180],
    [4326, 0],
    [4326, -180.5],
  ]) {
    const more = west === -180.5 ? 1 : 0; // centres of pixels at -180 and 180, -90 and 90
    const found = outline(epsg, 360 + more, 180 + more, [west, 1, 0, 90 + more / 2, 0, -1], true);
    assert.equal(found?.geometry.type, "Polygon");
    assert.deepEqual(found?.bbox, [-180, -90, 180, 90]);
  }
});

test("a scene over 180 degrees is two polygons, in degrees of whatever datum", () => {
  const found = [4326, 4269].map((epsg) => outline(epsg, 100, 50, [150, 1, 0, 20, 0, -1], true));
  for (const one of found) {
    assert.equal(one?.geometry.type, "MultiPolygon");
    assert.deepEqual(one?.bbox, [150, -30, -110, 20]);
  }
});
