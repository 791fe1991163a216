/**
 * @file Polygons of class maps: burnt again they are the map, pixel for pixel; their areas are pixel counts; every edge belongs to two neighbours or to the
 * frame, simplified or not; stripes do not show.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { classRows } from "../../src/vector/class-rows.js";
import type { Region } from "../../src/vector/polygonise.js";
import { twiceSignedArea } from "../../src/vector/rings.js";
import { blobs, type ClassMap, flooded, mapOf, MAPS, patches, regionsOf } from "../support/class-maps.js";

const ringsOf = ({ rings }: Region) => [rings.exterior, ...rings.holes];

/** The index of the region at each pixel, -1 where there is none, by the crossings of each row's middle with all rings. */
function burnt({ width, height }: ClassMap, regions: readonly Region[]): Int32Array {
  const out = new Int32Array(width * height).fill(-1);
  for (const [index, region] of regions.entries()) {
    const toggled = new Uint8Array(width * height);
    for (const ring of ringsOf(region)) {
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        if (ring[i] !== ring[j]) continue;
        for (let y = Math.min(ring[i + 1], ring[j + 1]); y < Math.max(ring[i + 1], ring[j + 1]); y++)
          for (let x = ring[i]; x < width; x++) toggled[y * width + x] ^= 1;
      }
    }
    for (let at = 0; at < out.length; at++) {
      if (!toggled[at]) continue;
      assert.equal(out[at], -1, "no pixel is in two regions");
      out[at] = index;
    }
  }
  return out;
}

for (const [name, map] of Object.entries(MAPS)) {
  test(`${name}: burnt again, the polygons are the map`, async () => {
    const regions = await regionsOf(map);
    const labels = flooded(map);
    const found = burnt(map, regions);
    const regionOfLabel = new Map<number, number>();
    for (let at = 0; at < labels.length; at++) {
      assert.equal(found[at] === -1, labels[at] === 0);
      if (labels[at] === 0) continue;
      assert.equal(regions[found[at]].classId, map.data[at]);
      assert.equal(regionOfLabel.get(labels[at]) ?? found[at], found[at], "a component is one region");
      regionOfLabel.set(labels[at], found[at]);
    }
    assert.equal(regionOfLabel.size, regions.length, "each region is one component");
    for (const region of regions) {
      const areas = ringsOf(region).map((ring) => -twiceSignedArea(ring) / 2);
      assert.ok(areas[0] > 0 && areas.slice(1).every((area) => area < 0));
      assert.equal(
        areas.reduce((sum, area) => sum + area, 0),
        region.pixels,
      );
      assert.ok(ringsOf(region).every(isSimple), "no ring passes a point twice");
    }
  });
}

function isSimple(ring: readonly number[]): boolean {
  const points = new Set<string>();
  for (let i = 0; i < ring.length; i += 2) points.add(`${ring[i]},${ring[i + 1]}`);
  return points.size === ring.length / 2;
}

test("corners only: no point lies within a straight part unless three regions meet there", async () => {
  const [square] = await regionsOf(MAPS["one class"], { stripeRows: 2 });
  assert.equal(turned(square.rings.exterior), "0,0 5,0 5,9 0,9");
  const [outer] = (await regionsOf(MAPS["a figure of eight"])).filter(({ pixels }) => pixels === 16);
  assert.equal(outer.rings.holes.length, 2);
});

test("stripes do not show: any number of rows gives the same polygons", async () => {
  for (const map of [MAPS["rings in rings"], MAPS.noise, MAPS.blobs, MAPS["patches with nodata"]]) {
    const whole = await regionsOf(map, { stripeRows: 1000 });
    for (const stripeRows of [1, 2, 7]) {
      const striped = await regionsOf(map, { stripeRows });
      assert.deepEqual(striped.map(canonical), whole.map(canonical));
    }
  }
});

test("a stripe ends where it holds many arcs, and that does not show", async () => {
  for (const map of [MAPS.noise, MAPS["noise with nodata"]]) {
    const whole = await regionsOf(map);
    assert.deepEqual((await regionsOf(map, { stripeArcs: 90 })).map(canonical), whole.map(canonical));
    const simplified = await regionsOf(map, { stripeArcs: 90, simplify: 2 });
    assert.notDeepEqual(simplified.map(canonical), (await regionsOf(map, { simplify: 2 })).map(canonical));
  }
});

test("points that wait in the scratch file come back as they were", async () => {
  for (const map of [MAPS["rings in rings"], MAPS.noise, MAPS.blobs]) {
    const held = await regionsOf(map, { stripeRows: 3, simplify: 1 });
    assert.deepEqual(await regionsOf(map, { stripeRows: 3, simplify: 1, heldNumbers: 0 }), held);
  }
});

/** A region with its rings turned to begin at their first point in reading order, and sorted. */
function canonical({ rings, ...rest }: Region) {
  return { ...rest, exterior: turned(rings.exterior), holes: rings.holes.map(turned).sort() };
}

function turned(ring: readonly number[]): string {
  const points = Array.from({ length: ring.length / 2 }, (_, i) => `${ring[2 * i + 1]},${ring[2 * i]}`);
  const first = points.indexOf([...points].sort()[0]);
  return [...points.slice(first), ...points.slice(0, first)].join(" ");
}

test("simplified or not, each edge is that of two neighbours the other way round, or of the frame or nodata", async () => {
  const maps = { ...MAPS, more: patches(70, 60, 2, 5, 20), wide: blobs(120, 40, 6, 21) };
  for (const [name, map] of Object.entries(maps)) {
    const counts = new Map<number, number>();
    for (const simplify of [0, 0.8, 1, 2, 5, 40]) {
      const regions = await regionsOf(map, { simplify, stripeRows: name === "wide" ? 7 : 1000 });
      const edges = new Map<string, number>();
      for (const region of regions)
        for (const ring of ringsOf(region)) for (const edge of edgesOf(ring)) add(edges, edge);
      assert.ok(
        [...edges.values()].every((count) => count === 1),
        `${name} at ${simplify}: an edge is walked once`,
      );
      const lonely = [...edges.keys()].filter((edge) => !edges.has(edge.split(" ").reverse().join(" ")));
      if (!map.data.includes(255))
        for (const edge of lonely) assert.ok(isFrame(edge, map), `${name} at ${simplify}: ${edge}`);
      counts.set(simplify, edges.size);
    }
    assert.ok(counts.get(5)! <= counts.get(0)!, name);
  }
});

const add = (edges: Map<string, number>, edge: string) => edges.set(edge, (edges.get(edge) ?? 0) + 1);

function* edgesOf(ring: readonly number[]): Generator<string> {
  for (let i = 0; i < ring.length; i += 2) {
    const j = (i + 2) % ring.length;
    yield `${ring[i]},${ring[i + 1]} ${ring[j]},${ring[j + 1]}`;
  }
}

function isFrame(edge: string, { width, height }: ClassMap): boolean {
  const [[ax, ay], [bx, by]] = edge.split(" ").map((point) => point.split(",").map(Number));
  return (ax === bx && (ax === 0 || ax === width)) || (ay === by && (ay === 0 || ay === height));
}

test("a staircase becomes a slope, and tolerance 0 keeps it", async () => {
  const stairs = mapOf(20, 20, (x, y) => (x > y ? 1 : 2));
  const corners = async (simplify: number) =>
    (await regionsOf(stairs, { simplify })).map(({ rings }) => rings.exterior.length / 2);
  assert.deepEqual(await corners(0), [40, 42]);
  assert.ok((await corners(1)).every((count) => count <= 6));
});

test("only the classes wanted come out, with the confidence and area of their pixels", async () => {
  const map = MAPS["an island amid nodata"];
  const confidence = async (y: number, rows: number) =>
    Float32Array.from({ length: rows * 5 }, (_, i) => (i + 5 * y === 12 ? 0.25 : i + 5 * y === 6 ? -1 : 0.5));
  const regions = await regionsOf(map, { confidence, cellArea: (row) => row + 1 });
  assert.deepEqual(
    regions.map(({ classId, pixels, area, confidence: mean }) => [classId, pixels, area, mean]),
    [
      [2, 1, 3, 0.25],
      [1, 8, 24, 0.5],
    ],
  );
  assert.deepEqual((await regionsOf(map, { wanted: (classId) => classId === 2 })).length, 1);
  const columns = await regionsOf(map, { cellArea: (row) => Float64Array.from({ length: 5 }, (_, x) => 10 * row + x) });
  assert.deepEqual(
    columns.map(({ area }) => area),
    [22, 176],
  );
});

test("class numbers of 64 bits are taken where they fit into 32", async () => {
  const source = (values: readonly number[]) => ({
    ...{ width: values.length, height: 1, blockHeight: 1 },
    read: async () => ({ width: values.length, height: 1, bands: 1, data: Float64Array.from(values) }),
  });
  for await (const { values } of classRows(source([3, -4]))) assert.deepEqual([...values], [3, -4]);
  await assert.rejects(classRows(source([3, 2 ** 40])).next(), /the map: holds the class 1099511627776/);
  await assert.rejects(classRows(source([2 ** 31])).next(), /the map: holds the class 2147483648/);
});
