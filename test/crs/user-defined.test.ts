/** @file Systems that GeoTIFFs spell out by parameters, as GDAL writes them, against PROJ (test/fixtures/crs.py); and two real scenes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type ReferenceSystem, systemOfGrid, transformer, WGS84 } from "../../src/crs/index.js";
import { type Grid, openGeoTiff } from "../../src/raster/index.js";
import { withFolder } from "../support/folder.js";
import { GEO } from "../support/geo-files.js";

/** Longitude and latitude on WGS 84, x and y. */
type Place = [number, number, number, number];
interface Defined {
  readonly proj4: string;
  readonly tiff: string;
  readonly places: Place[];
}
const { userDefined, files }: { userDefined: Record<string, Defined>; files: Record<string, Place> } = JSON.parse(
  readFileSync(new URL("../fixtures/crs.json", import.meta.url), "utf8"),
);

async function gridOf(path: string): Promise<Grid> {
  const source = await openGeoTiff(path);
  try {
    return source.grid;
  } finally {
    await source.close();
  }
}

function check(system: ReferenceSystem, [longitude, latitude, x, y]: Place, metresPerUnit: number): void {
  const there = transformer(WGS84, system, "scene.tif")!([longitude, latitude]);
  const off = metresPerUnit * Math.hypot(there[0] - x, there[1] - y);
  assert.ok(off < 0.01, `${off} m off: ${there}, not ${[x, y]}; ${system.proj4}`);
  const back = transformer(system, WGS84, "scene.tif")!([x, y]);
  assert.ok(Math.hypot(back[0] - longitude, back[1] - latitude) < 1e-7, `${back}; ${system.proj4}`);
}

for (const [name, { proj4, tiff, places }] of Object.entries(userDefined)) {
  test(`${name} by parameters is within a centimetre of PROJ`, () =>
    withFolder(async (folder) => {
      const path = join(folder, "one.tif");
      await writeFile(path, Buffer.from(tiff, "base64"));
      const system = systemOfGrid(await gridOf(path), path);
      assert.ok(system && system.epsg === undefined);
      const unit = proj4.startsWith("+proj=longlat") ? 111_320 : proj4.includes("us-ft") ? 1200 / 3937 : 1;
      for (const place of places) check(system, place, unit);
    }));
}

const skip = existsSync(GEO) ? false : "the shared rasters are not on this machine";
for (const [name, place] of Object.entries(files)) {
  test(`${name} lies where PROJ puts it`, { skip }, async () => {
    check(systemOfGrid(await gridOf(join(GEO, name)), name)!, place, 1);
  });
}

const systemOf = (keys: Readonly<Record<number, number>>) => {
  const geoKeys = new Map(Object.entries(keys).map(([key, value]) => [Number(key), value]));
  return systemOfGrid({ width: 1, height: 1, geoKeys, tags: [] }, "scene.tif");
};

test("a projection that is not known, a system without a datum and grads are refused; no system is none", () => {
  const refused =
    /^SegError: scene\.tif: CRS not convertible: its user-defined system is not known here; use --crs native/;
  assert.throws(() => systemOf({ 1024: 1, 2048: 4326, 3072: 32767, 3075: 4 }), refused);
  assert.throws(() => systemOf({ 1024: 1, 3074: 16033 }), refused);
  assert.throws(() => systemOf({ 1024: 2, 2048: 32767, 2054: 9105, 2056: 7030 }), refused);
  assert.equal(systemOf({}), undefined);
});

test("a prime meridian is known by its code; one that is not known is refused", () => {
  const ellipsoid = { 1024: 2, 2048: 32767, 2057: 6378249.2, 2059: 293.466 };
  assert.match(systemOf({ ...ellipsoid, 2051: 8903 })!.proj4, / \+pm=2\.33722917 /);
  assert.doesNotMatch(systemOf({ ...ellipsoid, 2051: 8901 })!.proj4, /\+pm/);
  assert.match(systemOf({ ...ellipsoid, 2051: 32767, 2061: 2.5 })!.proj4, / \+pm=2\.5 /);
  assert.throws(() => systemOf({ ...ellipsoid, 2051: 8999 }), /^SegError: scene\.tif: CRS not convertible/);
});

test("UTM by its conversion's code, feet and grads are read; the geographic code tells the datum only", () => {
  const zone = systemOf({ 1024: 1, 2048: 4269, 3074: 16133 })!;
  assert.match(zone.proj4, /^\+proj=utm \+zone=33 \+south \+ellps=GRS80 /);
  assert.equal(zone.accuracy, 4);
  const feet = systemOf({ 1024: 1, 2048: 4326, 2054: 9105, 3075: 10, 3076: 9002, 3081: 50, 3082: 1000 })!;
  assert.match(feet.proj4, /^\+proj=laea \+lat_0=45 \+x_0=304\.8 \+y_0=0 \+to_meter=0\.3048 /);
});
