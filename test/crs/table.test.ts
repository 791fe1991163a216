/**
 * @file Coordinates against PROJ (test/fixtures/crs.py): systems of every continent and kind, there and back. Results that land metres beside the
 * truth are worse than an error, so what is off by more than a metre has to say so.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  accuracyRemark,
  conversionRemarks,
  geographicOf,
  systemOfEpsg,
  transformer,
  WGS84,
} from "../../src/crs/index.js";
import type { Point } from "../../src/crs/index.js";

/** Longitude and latitude on WGS 84, x and y. */
type Place = [number, number, number, number];
const { codes }: { codes: Record<string, Place[]> } = JSON.parse(
  readFileSync(new URL("../fixtures/crs.json", import.meta.url), "utf8"),
);

const METRES_PER_DEGREE = 111_320;
const apart = (a: Point, b: Point, unit: number) => unit * Math.hypot(a[0] - b[0], a[1] - b[1]);

for (const [code, places] of Object.entries(codes)) {
  const system = systemOfEpsg(Number(code), "scene.tif");
  const within = Math.max(1, system.accuracy ?? 1);
  test(`EPSG:${code} (${system.name}) is within ${within} m of PROJ, there and back`, () => {
    const isGeographic = system.proj4.startsWith("+proj=longlat");
    const toMetre = Number(/\+to_meter=(\S+)/.exec(system.proj4)?.[1] ?? 1);
    for (const [longitude, latitude, x, y] of places) {
      const there = transformer(WGS84, system, "scene.tif")?.([longitude, latitude]) ?? [longitude, latitude];
      const back = transformer(system, WGS84, "scene.tif")?.([x, y]) ?? [x, y];
      const off = apart(there, [x, y], isGeographic ? METRES_PER_DEGREE : toMetre);
      assert.ok(off < within, `there: ${off} m off at ${longitude}, ${latitude}`);
      const offBack = apart(back, [longitude, latitude], METRES_PER_DEGREE);
      assert.ok(offBack < within, `back: ${offBack} m off at ${longitude}, ${latitude}`);
    }
  });
}

test("most systems are within a centimetre of PROJ where its shift is the table's", () => {
  const exact = Object.entries(codes).filter(([code, places]) => {
    const project = transformer(WGS84, systemOfEpsg(Number(code), "scene.tif"), "scene.tif");
    return places.every(
      ([longitude, latitude, x, y]) => apart(project?.([longitude, latitude]) ?? [x, y], [x, y], 1) < 0.01,
    );
  });
  assert.ok(exact.length > 0.8 * Object.keys(codes).length, `${exact.length} of ${Object.keys(codes).length}`);
});

test("a system that needs a grid file is remarked upon, so is one with a rough shift, but not one within a metre", () => {
  const remarkOf = (code: number) => accuracyRemark(systemOfEpsg(code, "scene.tif")) ?? "";
  for (const code of [27700, 31467, 4267, 26710]) {
    assert.match(
      remarkOf(code),
      new RegExp(`^EPSG:${code} \\(.+\\) is tied to WGS 84 with an accuracy of ~\\d+ m; gdalwarp with PROJ's grid`),
    );
  }
  assert.match(remarkOf(2044), /^EPSG:2044 \(Hanoi 1972 .+\) is tied to WGS 84 with an accuracy of ~\d+ m$/);
  for (const code of [4326, 32633, 3035, 25832, 2154, 3857]) assert.equal(remarkOf(code), "", String(code));
});

test("a conversion is remarked upon where a shift is known less exactly than to a pixel, and not within a datum", () => {
  const [wgs84, osgb, nad27] = [4326, 27700, 4267].map((code) => systemOfEpsg(code, "scene.tif"));
  assert.match(conversionRemarks(osgb, wgs84, 1).join(), /^EPSG:27700 .+ ~2 m; gdalwarp/);
  assert.deepEqual(conversionRemarks(osgb, wgs84, 10), []);
  assert.match(conversionRemarks(osgb, nad27, 1.5).join(" and "), /^EPSG:27700 .+ and EPSG:4267 /);
  assert.match(conversionRemarks(osgb, nad27, 10).join(" and "), /^EPSG:4267 /);
  assert.deepEqual(conversionRemarks(osgb, geographicOf(osgb), 1), []);
});

test("a datum that is tied to nothing does for its own longitudes and latitudes", () => {
  const madrid = systemOfEpsg(2062, "scene.tif");
  const place = transformer(madrid, geographicOf(madrid), "scene.tif")!([600_000, 600_000]);
  assert.ok(apart(place, [-3.687375, 40], 111_320) < 200, String(place)); // its origin, from Greenwich
});

test("a code the table lacks and a datum that is tied to nothing are refused", () => {
  assert.throws(
    () => systemOfEpsg(4979_9, "scene.tif"),
    /^SegError: scene\.tif: CRS not convertible: EPSG:49799 is not known here; use --crs native/,
  );
  const madrid = systemOfEpsg(2062, "scene.tif");
  assert.throws(
    () => transformer(WGS84, madrid, "scene.tif"),
    /^SegError: scene\.tif: the datum shift of EPSG:2062 \(Madrid 1870 \(Madrid\) \/ Spain LCC\) is not known here/,
  );
  assert.equal(transformer(madrid, systemOfEpsg(2062, "labels"), "scene.tif"), undefined);
});

test("two systems that are neither WGS 84 are converted through it", () => {
  const place: Point = [-1.5, 52.5];
  for (const [from, to] of [
    [27700, 3857],
    [3857, 28992],
    [27572, 32631],
    [2263, 26918],
  ]) {
    const [source, target] = [systemOfEpsg(from!, "labels"), systemOfEpsg(to!, "scene.tif")];
    const start = transformer(WGS84, source, "labels")!(place);
    const direct = transformer(source, target, "scene.tif")!(start);
    const through = transformer(WGS84, target, "scene.tif")!(place);
    assert.ok(apart(direct, through, 1) < 0.02, `EPSG:${from} to EPSG:${to}: ${direct}, not ${through}`);
  }
});

test("a place that is no number stays none", () => {
  const project = transformer(WGS84, systemOfEpsg(32633, "scene.tif"), "scene.tif")!;
  assert.deepEqual(project([Number.POSITIVE_INFINITY, 0]), [Number.NaN, Number.NaN]);
});
