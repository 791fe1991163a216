/** @file The region of a scene: by pixels, by bounds in its own or another system, by the area of polygons; clipped at its border, refused outside. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SegError } from "../../src/errors.js";
import { type GeoRaster, makeGrid, openGeoTiff } from "../../src/raster/index.js";
import { chooseRegion, type RegionOptions } from "../../src/scene/region.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";

const [WIDTH, HEIGHT] = [120, 90];

/** A scene of 10 m pixels whose corner lies at 500000, 5800000 of EPSG:32633. */
const withScene = (use: (raster: GeoRaster, folder: string) => Promise<void>, more = {}) =>
  withFolder(async (folder) => {
    const raster = await openGeoTiff(await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 1], undefined, more));
    try {
      await use(raster, folder);
    } finally {
      await raster.close();
    }
  });

const placeOf = ({ grid, width, height }: GeoRaster) => [grid.transform?.[0], grid.transform?.[3], width, height];

async function refused(raster: GeoRaster, options: RegionOptions, says: RegExp): Promise<void> {
  await assert.rejects(chooseRegion(raster, options), (error) => {
    assert.ok(error instanceof SegError, String(error));
    assert.match(error.message, says);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

test("nothing asked for is the raster itself", () =>
  withScene(async (raster) => assert.equal(await chooseRegion(raster, {}), raster)));

test("windows and bounds are cut out, what reaches over the border is clipped, several have in common", () =>
  withScene(async (raster) => {
    const at = async (options: RegionOptions) => placeOf(await chooseRegion(raster, options));
    assert.deepEqual(await at({ window: "10,20,30,40" }), [500_100, 5_799_800, 30, 40]);
    assert.deepEqual(await at({ window: "-5,80,20,20" }), [500_000, 5_799_200, 15, 10]);
    assert.deepEqual(await at({ bbox: "500100,5799500,500400,5799800" }), [500_100, 5_799_800, 30, 30]);
    assert.deepEqual(await at({ bbox: "500101,5799509,500309,5799799" }), [500_100, 5_799_800, 21, 30]);
    assert.deepEqual(await at({ bbox: "0,0,500100,9999999" }), [500_000, 5_800_000, 10, 90]);
    assert.deepEqual(
      await at({ window: "0,0,20,90", bbox: "500100,5799500,500400,5799800" }),
      [500_100, 5_799_800, 10, 30],
    );
    assert.deepEqual(await at({ window: "10,20,30,40", resampleTo: 20 }), [500_100, 5_799_800, 15, 20]);
  }));

test("bounds in degrees are the pixels they cover on the ground", () =>
  withScene(async (raster) => {
    const view = await chooseRegion(raster, { bbox: "15.002,52.345,15.006,52.347", bboxCrs: 4326 });
    // pyproj 3.7 on its densified outline: x 500136.24 to 500408.73, y 5799411.23 to 5799633.70 in EPSG:32633
    assert.deepEqual(placeOf(view), [500_130, 5_799_640, 28, 23]);
  }));

test("polygons cut to their bounds and leave out the pixels whose centres they do not hold", () =>
  withScene(async (raster, folder) => {
    const aoi = join(folder, "aoi.geojson");
    const triangle = [
      [500_100, 5_799_800],
      [500_300, 5_799_800],
      [500_100, 5_799_600],
      [500_100, 5_799_800],
    ];
    const crs = { type: "name", properties: { name: "urn:ogc:def:crs:EPSG::32633" } };
    const features = [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [triangle] } }];
    await writeFile(aoi, JSON.stringify({ type: "FeatureCollection", crs, features }));
    const view = await chooseRegion(raster, { aoi });
    assert.deepEqual(placeOf(view), [500_100, 5_799_800, 20, 20]);
    const { valid } = await view.read({ x: 0, y: 0, width: 20, height: 20 });
    for (let y = 0; y < 20; y++)
      for (let x = 0; x < 20; x++) if (x + y !== 19) assert.equal(valid?.[y * 20 + x], x + y < 19 ? 1 : 0, `${x} ${y}`);
    const corner = { x: 15, y: 15, width: 5, height: 5 };
    assert.equal(view.mayHoldData(corner), false);
    const coarse = await chooseRegion(raster, { aoi, resampleTo: 40 });
    assert.deepEqual(placeOf(coarse), [500_100, 5_799_800, 5, 5]);
    assert.deepEqual((await coarse.read({ x: 0, y: 4, width: 5, height: 1 })).valid?.slice(1), new Uint8Array(4));
  }));

test("areas and bounds far larger than the zone of a projection hold the scene", () =>
  withScene(async (raster, folder) => {
    const aoi = join(folder, "aoi.geojson");
    const world = [
      [-170, -60],
      [170, -60],
      [170, 80],
      [-170, 80],
      [-170, -60],
    ];
    const hole = [
      [-160, 52.346],
      [-160, 70],
      [160, 70],
      [160, 52.346],
      [-160, 52.346],
    ];
    const whole = [500_000, 5_800_000, WIDTH, HEIGHT];
    const read = async () => {
      const view = await chooseRegion(raster, { aoi });
      assert.deepEqual(placeOf(view), whole);
      return view.read({ x: 0, y: 0, width: WIDTH, height: HEIGHT });
    };
    await writeFile(aoi, JSON.stringify({ type: "Polygon", coordinates: [world] }));
    assert.equal((await read()).valid, undefined);
    await writeFile(aoi, JSON.stringify({ type: "Polygon", coordinates: [world, hole] }));
    const { valid } = await read();
    assert.deepEqual([valid?.[0], valid?.[WIDTH * HEIGHT - 1]], [0, 1]); // the hole is north of 52.346 degrees
    assert.deepEqual(placeOf(await chooseRegion(raster, { bbox: "-170,-60,170,80", bboxCrs: 4326 })), whole);
  }));

test("bounds in a scene's own coordinates need no system that is known", () =>
  withScene(
    async (raster) => {
      const view = await chooseRegion(raster, { bbox: "500100,5799500,500400,5799800" });
      assert.deepEqual(placeOf(view), [500_100, 5_799_800, 30, 30]);
      await refused(raster, { bbox: "0,0,1,1" }, /choose it within 500000,5799100,501200,5800000$/);
      await refused(raster, { bbox: "3,4,5,6", bboxCrs: 4326 }, /EPSG:9999 is not known here/);
    },
    { grid: makeGrid(WIDTH, HEIGHT, [500_000, 10, 0, 5_800_000, 0, -10], 9999) },
  ));

test("what lies outside is refused with the raster's own bounds", () =>
  withScene(async (raster, folder) => {
    await refused(
      raster,
      { window: "120,0,5,5" },
      /^window 120,0,5,5: lies outside .*scene.tif; choose it within 0,0,120,90$/,
    );
    await refused(raster, { bbox: "0,0,1,1" }, /choose it within 500000,5799100,501200,5800000$/);
    await refused(raster, { bbox: "3,4,5,6", bboxCrs: 4326 }, /choose it within 15,52\.34\d+,15\.01\d+,52\.35\d*$/);
    await refused(raster, { window: "0,0,5,5", bbox: "500500,5799500,500600,5799600" }, /no pixel in common/);
    const aoi = join(folder, "aoi.geojson");
    const far = [
      [3, 4],
      [5, 4],
      [5, 6],
      [3, 4],
    ];
    await writeFile(aoi, JSON.stringify({ type: "Polygon", coordinates: [far] }));
    await refused(raster, { aoi }, /aoi.geojson: lies outside .*choose it within 500000,5799100/);
    await writeFile(aoi, JSON.stringify({ type: "Point", coordinates: [3, 4] }));
    await refused(raster, { aoi }, /holds no polygon/);
  }));

test("what is not said rightly is refused with how to say it", () =>
  withScene(async (raster) => {
    await refused(raster, { window: "1,2,3" }, /is not four numbers between commas; give x,y,width,height/);
    await refused(raster, { window: "1,2,,4" }, /is not four numbers/);
    await refused(raster, { window: "1,2,3.5,4" }, /whole pixels/);
    await refused(raster, { window: "1,2,0,4" }, /whole pixels/);
    await refused(raster, { bbox: "5,5,1,9" }, /has no area; give left,bottom,right,top/);
    await refused(raster, { bbox: "0,0,1,1", bboxCrs: 999999 }, /999999/);
    await refused(raster, { resampleTo: 0 }, /not a positive length/);
  }));

test("a raster without a place can be cut by pixels only", () =>
  withScene(
    async (raster) => {
      assert.equal((await chooseRegion(raster, { window: "1,2,3,4" })).width, 3);
      await refused(raster, { bbox: "0,0,1,1" }, /states no place on the ground; georeference it/);
      await refused(raster, { resampleTo: 2 }, /states no place on the ground/);
    },
    { grid: undefined },
  ));
