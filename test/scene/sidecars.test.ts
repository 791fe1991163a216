/** @file Styles and STAC Items: what other programs' parsers make of them, and outlines as PROJ has them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { systemOfEpsg } from "../../src/crs/index.js";
import { makeGrid } from "../../src/raster/index.js";
import { type MapClass, qmlStyle, stacItem } from "../../src/scene/sidecars.js";
import { askPython, noPython } from "../support/geo-peers.js";

const classes: MapClass[] = [
  { name: `water & "ice" <1 m>`, color: [0, 10, 255], value: 0 },
  { name: "Äcker", color: [200, 100, 7], value: 3 },
  { name: "nothing", color: [0, 0, 0], value: 255 },
];
const grid = makeGrid(400, 300, [400_000, 10, 0, 5_800_000, 0, -10], 32633);
const system = systemOfEpsg(32633, "test");
const statistics = { minimum: 0, maximum: 3, mean: 1.5, standardDeviation: 1, validPercent: 90 };
const band = { name: "classes", dataType: "uint8", nodata: 255, statistics, classes };
const common = { id: "scene", datetime: "2024-05-01T10:00:00Z", software: "sam-seg 1.2.3" };
const options = { ...common, grid, system, assets: { classes: { href: "./classes.tif", bands: [band] } } };

interface Item {
  readonly geometry: { readonly type: string; readonly coordinates: number[][][] } | null;
  readonly bbox?: number[];
  readonly properties: Record<string, unknown>;
  readonly assets: Record<string, { readonly bands: Record<string, unknown>[] }>;
}
const itemOf = (changes: Partial<Parameters<typeof stacItem>[0]>) =>
  JSON.parse(JSON.stringify(stacItem({ ...options, ...changes }))) as Item;

describe("beside PROJ and an XML parser", { skip: noPython }, () => {
  test("a style names every class but nodata; the outline's corners are PROJ's", async () => {
    const corners = [
      [400_000, 5_800_000],
      [400_000, 5_797_000],
      [404_000, 5_797_000],
      [404_000, 5_800_000],
    ];
    const script = join(import.meta.dirname, "sidecars.py");
    const answer = await askPython(script, { qml: qmlStyle(classes, 255), epsg: 32633, points: corners });
    const { entries, points } = answer as { entries: Record<string, string>[]; points: number[][] };
    assert.deepEqual(entries, [
      { value: "0", color: "#000aff", alpha: "255", label: classes[0].name },
      { value: "3", color: "#c86407", alpha: "255", label: "Äcker" },
    ]);
    const { geometry } = itemOf({});
    const [ring] = geometry?.coordinates ?? [];
    assert.equal(ring.length, 65);
    for (const [i, [longitude, latitude]] of points.entries()) {
      assert.ok(
        Math.abs(ring[16 * i][0] - longitude) < 2e-7 && Math.abs(ring[16 * i][1] - latitude) < 2e-7,
        `corner ${i}`,
      );
    }
  });
});

test("an item states place, bands and classes", () => {
  const { properties, assets, bbox, geometry } = itemOf({});
  assert.equal(geometry?.type, "Polygon");
  assert.ok(bbox && bbox[0] < bbox[2] && bbox[1] < bbox[3]);
  assert.deepEqual(properties, {
    datetime: common.datetime,
    "proj:code": "EPSG:32633",
    "proj:shape": [300, 400],
    "proj:transform": [10, 0, 400_000, 0, -10, 5_800_000],
    "proj:bbox": [400_000, 5_797_000, 404_000, 5_800_000],
    "processing:software": { "sam-seg": "1.2.3" },
  });
  const [{ statistics: found, nodata, data_type, "classification:classes": named }] = assets.classes.bands;
  assert.deepEqual(found, { minimum: 0, maximum: 3, mean: 1.5, stddev: 1, valid_percent: 90 });
  assert.deepEqual([nodata, data_type], [255, "uint8"]);
  assert.deepEqual((named as unknown[])[1], { value: 3, name: "_cker", title: "Äcker", color_hint: "C86407" });
});

test("an outline over 180 degrees is in two parts, its box from the eastern hemisphere to the western", () => {
  const across = makeGrid(400, 300, [810_000, 100, 0, 1_000_000, 0, -100], 32660); // zone 60 ends at 180
  const { geometry, bbox } = itemOf({ grid: across, system: systemOfEpsg(32660, "test") });
  assert.equal(geometry?.type, "MultiPolygon");
  assert.ok(bbox && bbox[0] > 178 && bbox[2] < -178, `${bbox}`);
});

test("without a place, or one that can be converted, the geometry is null and there is no box", () => {
  const { transform: _, ...nowhere } = grid;
  for (const changes of [{ system: undefined }, { grid: nowhere }]) {
    const { geometry, bbox } = itemOf(changes);
    assert.deepEqual([geometry, bbox], [null, undefined]);
  }
  const item = itemOf({
    assets: { a: { href: "a.tif", bands: [{ name: "b", dataType: "float32", nodata: Number.NaN }] } },
  });
  assert.equal(item.assets.a.bands[0].nodata, "nan");
});
