/**
 * @file Coordinates against PROJ 9 (rasterio.warp.transform of rasterio 1.4.4): national datums, polar systems, zones. Labels that land metres
 * beside their objects are worse than an error.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemOfEpsg, transformer, WGS84 } from "../../src/crs/index.js";

/** [EPSG code, longitude and latitude on WGS 84, PROJ's x and y]. */
const CASES: readonly (readonly [number, readonly [number, number], readonly [number, number]])[] = [
  [27700, [-1.5, 52.5], [434039.46, 289239.28]],
  [28992, [5.4, 52.1], [155876.81, 456861.62]],
  [31370, [4.5, 50.7], [159272.22, 154389.14]],
  [2056, [8, 47], [2642695.42, 1205590.52]],
  [21781, [8, 47], [642695.42, 205590.52]],
  [5514, [15, 50], [-703011.88, -1058147.27]],
  [31467, [9, 51], [3500073.57, 5651645.88]],
  [31287, [13.5, 47.5], [412608.7, 400070.56]],
  [3031, [30, -75], [819391.62, 1419227.92]],
  [3995, [10, 80], [189134.03, -1072632.37]],
  [3413, [-40, 75], [142401.98, -1627662.09]],
  [2154, [2.5, 47], [662007.01, 6655651.15]],
  [32633, [15, 50], [500000.0, 5538630.7]],
  [32616, [-84.5, 33.6], [731974.83, 3720607.95]],
  [3857, [12, 45], [1335833.89, 5621521.49]],
  [5070, [-96, 38], [0.0, 1662824.76]],
  [2193, [174, -41], [1684102.13, 5460761.41]],
  [3035, [10, 52], [4321000.0, 3210000.0]],
  [31985, [-35, -8], [279558.3, 9115166.53]],
];

for (const [code, point, expected] of CASES) {
  test(`EPSG:${code} is within a metre of PROJ, there and back`, () => {
    const system = systemOfEpsg(code, "scene.tif");
    const [x, y] = transformer(WGS84, system, "scene.tif")!(point);
    const off = Math.hypot(x - expected[0], y - expected[1]);
    assert.ok(off < 1, `${off} m off`);
    const back = transformer(system, WGS84, "scene.tif")!([x, y]);
    assert.ok(Math.hypot(back[0] - point[0], back[1] - point[1]) < 1e-6, String(back));
  });
}

test("a datum whose shift is not known is refused, unless both are in one system", () => {
  const nad27 = systemOfEpsg(4267, "scene.tif");
  assert.throws(
    () => transformer(WGS84, nad27, "scene.tif"),
    /^SegError: scene\.tif: the datum shift of EPSG:4267 is not known here, .*; bring labels and scene/,
  );
  assert.equal(transformer(nad27, systemOfEpsg(4267, "labels"), "scene.tif"), undefined);
});
