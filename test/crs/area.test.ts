/** @file Areas on the ellipsoid against GeographicLib, which PROJ's Geod is, with edges cut into pieces of 20,000 (test/fixtures/crs.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ellipsoidOf, geodesicArea, systemOfEpsg, WGS84 } from "../../src/crs/index.js";

const { areas }: { areas: Record<string, { ring: [number, number][]; area: number }> } = JSON.parse(
  readFileSync(new URL("../fixtures/crs.json", import.meta.url), "utf8"),
);

for (const [name, { ring, area }] of Object.entries(areas)) {
  test(`area: ${name} is exact to a millionth, closed or not, either way round`, () => {
    const off = (got: number, expected: number) => Math.abs(got / expected - 1);
    assert.ok(off(geodesicArea(ring), area) < 1e-6, `${geodesicArea(ring)}, not ${area}`);
    assert.ok(off(geodesicArea([...ring, ring[0]!]), area) < 1e-6);
    assert.ok(off(geodesicArea([...ring].reverse()), -area) < 1e-6);
  });
}

test("the whole ellipsoid has the area of the ellipsoid, a sphere that of a sphere", () => {
  const whole: [number, number][] = [
    [-180, -90],
    [180, -90],
    [180, 90],
    [-180, 90],
  ];
  assert.ok(Math.abs(geodesicArea(whole) / 510_065_621_724_088 - 1) < 1e-12);
  const sphere = { semiMajorAxis: 1000, flattening: 0 };
  assert.ok(Math.abs(geodesicArea(whole, sphere) / (4e6 * Math.PI) - 1) < 1e-12);
});

test("the ellipsoid of a system is its own", () => {
  const { semiMajorAxis, flattening } = ellipsoidOf(systemOfEpsg(4314, "scene.tif")); // DHDN: Bessel 1841
  assert.equal(semiMajorAxis, 6377397.155);
  assert.ok(Math.abs(1 / flattening - 299.1528128) < 1e-6, String(1 / flattening));
  const [globe, local] = [ellipsoidOf(WGS84), ellipsoidOf(systemOfEpsg(32633, "scene.tif"))];
  for (const ellipsoid of [globe, local]) assert.ok(Math.abs(1 / ellipsoid.flattening - 298.257223563) < 1e-6);
});
