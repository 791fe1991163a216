/**
 * @file Files `vectorize` writes, read by shapely, pyproj, fiona and GDAL: valid, without gaps or overlaps, where PROJ puts them, cut at 180 degrees; FlatGeobuf
 * the same as GeoJSON.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeGrid, type Transform } from "../../src/raster/index.js";
import { silent } from "../../src/talk.js";
import { vectorize, type VectorizeOptions } from "../../src/vector/index.js";
import { blobs, type ClassMap, mapOf, MAPS, patches, regionsOf } from "../support/class-maps.js";
import { withFolder } from "../support/folder.js";
import { GEO, writeScene } from "../support/geo-files.js";
import { askPython, gdal, noGdal, noPython } from "../support/geo-peers.js";

const PEERS = join(import.meta.dirname, "peers.py");
const UTM: Transform = [500_000, 10, 0, 5_800_000, 0, -10];

interface Feature {
  readonly properties: Readonly<Record<string, number | string | null>>;
  readonly geometry: { readonly type: string; readonly coordinates: number[][][] };
}

interface Seen {
  readonly count: number;
  readonly valid: number;
  readonly counterClockwise: boolean;
  readonly area: number;
  readonly union: number;
  readonly holes: number;
  readonly bounds: readonly number[];
}

const GEOGRAPHIC = [4326, 4258, 4269, 4322, 4267];

async function writeMap(path: string, { width, height, data }: ClassMap, transform = UTM, epsg = 32633) {
  const grid = makeGrid(width, height, transform, epsg, GEOGRAPHIC.includes(epsg));
  const metadata = { CLASS_0: "sea & sky", CLASS_1: "land" };
  return writeScene(path, [width, height, 1], data, { grid, nodata: 255, metadata });
}

const featuresOf = async (path: string): Promise<Feature[]> =>
  path.endsWith(".geojsonl")
    ? (await readFile(path, "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line))
    : JSON.parse(await readFile(path, "utf8")).features;

/** Vector files of all the maps, one after another. */
const PLANE: Readonly<Record<string, ClassMap>> = {
  ...Object.fromEntries(Object.entries(MAPS).filter(([, { data }]) => !data.every((value) => value === 255))),
  "more blobs": blobs(160, 150, 5, 40),
  "more patches": patches(120, 110, 2, 4, 41),
};
const TOLERANCES = [0, 1, 4];

test("in the plane: all valid, no gaps, no overlaps, areas those of the pixels", { skip: noPython }, () =>
  withFolder(async (folder) => {
    const jobs: { name: string; simplify: number; path: string; map: ClassMap }[] = [];
    for (const [name, map] of Object.entries(PLANE)) {
      const input = await writeMap(join(folder, `${name}.tif`), map);
      for (const simplify of TOLERANCES) {
        const path = join(folder, `${name}-${simplify}.geojson`);
        await vectorize(input, { out: path, simplify, crs: "native" });
        jobs.push({ name, simplify, path, map });
      }
    }
    const seen = (await askPython(
      PEERS,
      jobs.map(({ path }) => ["polygons", path]),
    )) as Seen[];
    for (const [i, { name, simplify, path, map }] of jobs.entries()) {
      const { count, valid, counterClockwise, area, union, holes } = seen[i];
      const what = `${name} at ${simplify}`;
      const pixels = map.data.filter((value) => value !== 255).length;
      const properties = (await featuresOf(path)).map((feature) => feature.properties);
      assert.deepEqual([valid, counterClockwise], [count, true], what);
      assert.equal(sum(properties, "pixel_count"), pixels, what);
      assert.ok(Math.abs(sum(properties, "area_m2") - 100 * pixels) < 1e-3, what);
      assert.ok(Math.abs(area - union) < 1e-6 * union, `${what}: ${area - union} m2 overlap`);
      const isWhole = pixels === map.data.length;
      if (simplify === 0 || isWhole) assert.ok(Math.abs(area / (100 * pixels) - 1) < 1e-9, `${what}: ${area}`);
      if (isWhole) assert.equal(holes, 0, what);
    }
  }),
);

const sum = (all: readonly Feature["properties"][], name: string) =>
  all.reduce((total, properties) => total + Number(properties[name]), 0);

test(
  "in WGS 84: where PROJ puts the corners; a line a feature is the same; names and numbers",
  { skip: noPython },
  () =>
    withFolder(async (folder) => {
      const input = await writeMap(join(folder, "map.tif"), MAPS.blobs);
      const [native, collection, lines] = ["native.geojson", "map.geojson", "map.geojsonl"].map((name) =>
        join(folder, name),
      );
      await vectorize(input, { out: native, crs: "native" });
      const result = await vectorize(input, { out: collection, layer: "land cover" });
      await vectorize(input, { out: lines });
      assert.deepEqual([result.epsg, result.layer, result.pixels], [4326, "land cover", 7200]);
      const features = await featuresOf(collection);
      assert.deepEqual(await featuresOf(lines), features);
      assert.deepEqual(features.length, result.features);
      for (const { properties } of features) {
        const { class_id: id, class_name: name } = properties;
        assert.equal(name, ["sea & sky", "land"][Number(id)] ?? null);
      }
      const text = await readFile(native, "utf8");
      assert.match(text, /"crs":\{"type":"name","properties":\{"name":"urn:ogc:def:crs:EPSG::32633"\}\}/);
      assert.doesNotMatch(await readFile(collection, "utf8"), /"crs"|\d\.\d{8}/);
      const [worst] = (await askPython(PEERS, [["shifted", native, collection, 32633]])) as number[];
      assert.ok(worst < 6e-8, `${worst} degrees off`);
    }),
);

test("in WGS 84: fine pixels, simplified, are valid and lie beside each other", { skip: noPython }, () =>
  withFolder(async (folder) => {
    const paths: string[] = [];
    for (const side of [0.05, 0.5, 10, 300]) {
      const input = await writeMap(join(folder, `${side}.tif`), PLANE["more blobs"], [
        500_000,
        side,
        0,
        5_800_000,
        0,
        -side,
      ]);
      paths.push(join(folder, `${side}.geojsonl`));
      await vectorize(input, {
        out: paths[paths.length - 1],
        simplify: 2,
        minArea: { value: 4 * side ** 2, unit: "m2" },
      });
    }
    for (const { count, valid, area, union, holes } of (await askPython(
      PEERS,
      paths.map((path) => ["polygons", path]),
    )) as Seen[])
      assert.deepEqual([valid, Math.abs(area - union) < 1e-9 * union, holes], [count, true, 0]);
  }),
);

test("across stripes: simplified outlines are valid, no gaps, no overlaps", { skip: noPython }, () =>
  withFolder(async (folder) => {
    const paths: string[] = [];
    const maps = [MAPS.noise, MAPS.blobs, PLANE["more patches"], MAPS["patches with nodata"]];
    for (const [i, map] of maps.entries()) {
      for (const [simplify, stripeRows] of [
        [1, 2],
        [5, 9],
        [40, 30],
      ]) {
        const regions = await regionsOf(map, { simplify, stripeRows });
        const lines = regions.map(({ rings: { exterior, holes } }) => {
          const coordinates = [exterior, ...holes].map(upwards);
          return JSON.stringify({ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates } });
        });
        paths.push(join(folder, `${i}-${simplify}.geojsonl`));
        await writeFile(paths[paths.length - 1], lines.join("\n"));
      }
    }
    const seen = (await askPython(
      PEERS,
      paths.map((path) => ["polygons", path]),
    )) as Seen[];
    for (const [i, { count, valid, area, union }] of seen.entries())
      assert.deepEqual([valid, area - union < 1e-9 * union], [count, true], paths[i]);
    for (const [i, { union }] of seen.slice(0, 9).entries())
      assert.ok(Math.abs(union - maps[Math.floor(i / 3)].data.length) < 1e-6, paths[i]);
  }),
);

/** A lattice ring as closed positions with y upwards. */
function upwards(ring: readonly number[]): number[][] {
  const positions = Array.from({ length: ring.length / 2 }, (_, i) => [ring[2 * i], -ring[2 * i + 1]]);
  return [...positions, positions[0]];
}

const GLOBE: Transform = [-180, 5, 0, 90, 0, -5];
const FROM_GREENWICH: Transform = [0, 5, 0, 90, 0, -5];
const OCEAN = mapOf(72, 36, (x, y) => (x > 20 && x < 30 && y > 10 && y < 20 ? 1 : 0));

/** Bands round the earth whose borders lie at other latitudes in the west than in the east. */
const STRIPES = mapOf(72, 36, (x, y) => Math.floor((y + (x < 30 ? 0 : x < 50 ? 2 : 3)) / 5) % 3);

/** The whole globe, one class, and an ocean about an island, in geographic systems. */
const GLOBES = Object.fromEntries(
  [4326, 4258, 4269, 4322, 4267].flatMap((epsg) => [
    [`globe of one class in ${epsg}`, [mapOf(72, 36, () => 1), GLOBE, epsg]],
    [`globe of an ocean in ${epsg}`, [OCEAN, GLOBE, epsg]],
    [`globe of blobs from Greenwich in ${epsg}`, [blobs(72, 36, 3, 56), FROM_GREENWICH, epsg]],
    [`globe of an ocean from Greenwich in ${epsg}`, [OCEAN, FROM_GREENWICH, epsg]],
    [`globe of stripes from 20 degrees in ${epsg}`, [STRIPES, [20, 5, 0, 90, 0, -5], epsg]],
  ]),
) as Readonly<Record<string, readonly [ClassMap, Transform, number]>>; // entries lose the tuple

/** An edge of 7 km that passes a pole by `metres`, with two pixels beside it. */
const pastPole = (metres: number): readonly [ClassMap, Transform] => [
  mapOf(700, 40, (x, y) => (y >= 20 ? 1 : y === 18 && Math.abs(x - 350) <= 1 ? 2 : 0)),
  [-3_500, 10, 0, 200 + metres, 0, -10],
];

/** [map, transform, EPSG code] of maps that cross 180 degrees, touch it, or lie round a pole. */
const ROUND: Readonly<Record<string, readonly [ClassMap, Transform, number]>> = {
  globe: [blobs(72, 36, 4, 50), GLOBE, 4326],
  "globe from Greenwich": [blobs(72, 36, 4, 51), FROM_GREENWICH, 4326],
  ...GLOBES,
  "globe of rectangles": [OCEAN, [-20_037_508.34, 556_597.45, 0, 10_018_754.17, 0, -556_597.45], 4087],
  "globe of noise": [patches(36, 18, 1, 2, 7), [-97.5, 10, 0, 90, 0, -10], 4326],
  "globe a sliver too wide": [patches(36, 18, 2, 3, 1), [-180, 10.000000001, 0, 90, 0, -10], 4326],
  "globe of pixels about the poles": [patches(72, 37, 1, 3, 57), [-180, 5, 0, 92.5, 0, -5], 4326],
  "a kilometre from the south pole": [...pastPole(1_000), 3031],
  "thirty kilometres from the south pole": [...pastPole(30_000), 3031],
  "a quarter pixel from the north pole": [...pastPole(2.5), 3413],
  "over the north pole": [...pastPole(0), 3413],
  "across 180 degrees": [patches(40, 30, 1, 3, 52), [170, 0.5, 0, 10, 0, -0.5], 4326],
  "UTM zone 1": [patches(50, 60, 2, 3, 53), [100_000, 5_000, 0, 6_000_000, 0, -5_000], 32601],
  Arctic: [blobs(60, 60, 4, 54), [-3_000_000, 100_000, 0, 3_000_000, 0, -100_000], 3413],
  Antarctic: [patches(60, 60, 3, 4, 55), [-3_000_000, 100_000, 0, 3_000_000, 0, -100_000], 3031],
  "a ring round the pole": [
    mapOf(40, 40, (x, y) => [1, 0, 2][Math.min(2, Math.floor(Math.max(Math.abs(x - 19.5), Math.abs(y - 19.5)) / 7))]),
    [-2_000_000, 100_000, 0, 2_000_000, 0, -100_000],
    3031,
  ],
};

test("round the globe: cut at 180 degrees, valid, nothing twice", { skip: noPython }, () =>
  withFolder(async (folder) => {
    const paths: string[] = [];
    for (const [name, [map, transform, epsg]] of Object.entries(ROUND)) {
      const input = await writeMap(join(folder, `${name}.tif`), map, transform, epsg);
      paths.push(join(folder, `${name}.geojson`));
      await vectorize(input, { out: paths[paths.length - 1] });
    }
    const seen = (await askPython(
      PEERS,
      paths.map((path) => ["polygons", path]),
    )) as Seen[];
    for (const [i, name] of Object.keys(ROUND).entries()) {
      const { count, valid, counterClockwise, area, union, bounds } = seen[i];
      assert.deepEqual([valid, counterClockwise], [count, true], name);
      assert.ok(area - union < 1e-6 * union, `${name}: ${area - union} square degrees overlap`);
      assert.ok(bounds[0] >= -180 && bounds[2] <= 180 && bounds[1] >= -90 && bounds[3] <= 90, name);
      if (name.startsWith("globe")) assert.ok(Math.abs(union - 64_800) < 1e-3, `${name}: ${union}`);
      if (name === "across 180 degrees") assert.ok(Math.abs(union - 300) < 1e-6);
    }
  }),
);

test("edges beside a pole lie within a tenth of a pixel of where PROJ bends them", { skip: noPython }, () =>
  withFolder(async (folder) => {
    const jobs: string[][] = [];
    for (const [name, metres, epsg] of [
      ["a", 1_000, 3031],
      ["b", 200, 3413],
    ] as const) {
      const [map, transform] = pastPole(metres);
      const input = await writeMap(join(folder, `${name}.tif`), map, transform, epsg);
      await vectorize(input, { out: join(folder, `${name}.geojson`) });
      jobs.push(["bent", join(folder, `${name}.geojson`), String(epsg)]);
    }
    for (const worst of (await askPython(PEERS, jobs)) as number[]) assert.ok(worst < 1.2, `${worst} m off`);
  }),
);

test("regions wholly beyond a pole are left out, and the user is told", () =>
  withFolder(async (folder) => {
    const map = mapOf(4, 3, (x, y) => 3 * y + (x > 1 ? 1 : 0));
    const input = await writeMap(join(folder, "map.tif"), map, [0, 1, 0, 91, 0, -1], 4326);
    const [out, warnings] = [join(folder, "map.geojson"), [] as string[]];
    const result = await vectorize(input, { out }, { ...silent, warn: (line) => warnings.push(line) });
    assert.deepEqual([result.features, result.pixels, (await featuresOf(out)).length], [4, 8, 4]);
    assert.match(warnings.join("\n"), /^\S+map\.tif: 2 region\(s\) lie beyond the poles /);
  }));

test("areas on the ellipsoid are those of GeographicLib", { skip: noPython }, () =>
  withFolder(async (folder) => {
    const input = await writeMap(
      join(folder, "map.tif"),
      mapOf(3, 4, () => 1),
      [12, 2, 0, 64, 0, -2],
      4326,
    );
    const out = join(folder, "map.geojson");
    await vectorize(input, { out });
    const [feature] = await featuresOf(out);
    const [area] = (await askPython(PEERS, [["cells", 12, 56, 18, 64]])) as number[];
    assert.ok(
      Math.abs(Number(feature.properties.area_m2) / area - 1) < 1e-6,
      `${feature.properties.area_m2}, not ${area}`,
    );
  }),
);

test(
  "FlatGeobuf read by fiona is the GeoJSON; the index finds what lies in a rectangle",
  { skip: noPython || noGdal },
  () =>
    withFolder(async (folder) => {
      const input = await writeMap(join(folder, "map.tif"), MAPS["patches with nodata"]);
      const [fgb, json] = [join(folder, "map.fgb"), join(folder, "map.geojson")];
      await vectorize(input, { out: fgb, layer: "land cover" });
      await vectorize(input, { out: json, crs: "native" });
      const [layer] = (await askPython(PEERS, [["layer", fgb]])) as Layer[];
      assert.deepEqual([layer.name, layer.epsg], ["land cover", 32633]);
      assert.deepEqual(layer.schema, {
        class_id: "int32",
        class_name: "str",
        pixel_count: "int",
        area_m2: "float",
      });
      const features = await featuresOf(json);
      const expected = features.map(({ properties, geometry }) => JSON.stringify([properties, geometry.coordinates]));
      assert.deepEqual(layer.features.map((feature) => JSON.stringify(feature)).sort(), expected.sort());
      const box = [500_100, 5_799_600, 500_205, 5_799_745];
      const inside = features.filter(({ geometry: { coordinates } }) => meets(coordinates[0], box)).length;
      const text = await gdal("ogrinfo", "-so", "-al", "-spat", ...box.map(String), fgb);
      assert.ok(inside > 5 && inside < features.length);
      assert.equal(Number(/Feature Count: (\d+)/.exec(text)?.[1]), inside);
    }),
);

interface Layer {
  readonly name: string;
  readonly schema: Readonly<Record<string, string>>;
  readonly epsg: number;
  readonly features: readonly unknown[];
}

/** Whether a ring's bounds meet a rectangle, as GDAL's filter by bounds does. */
function meets(ring: readonly number[][], [left, low, right, high]: readonly number[]): boolean {
  const [xs, ys] = [ring.map(([x]) => x), ring.map(([, y]) => y)];
  return Math.max(...xs) >= left && Math.min(...xs) <= right && Math.max(...ys) >= low && Math.min(...ys) <= high;
}

test("a map without a region gives an empty layer GDAL opens", { skip: noGdal }, () =>
  withFolder(async (folder) => {
    const input = await writeMap(join(folder, "map.tif"), MAPS["all nodata"]);
    for (const ending of ["fgb", "geojson"]) {
      const out = join(folder, `map.${ending}`);
      await vectorize(input, { out });
      assert.match(await gdal("ogrinfo", "-so", "-al", out), /Feature Count: 0/, ending);
    }
  }),
);

test("lc.tif, real land cover: pixels and areas are those of the raster", () =>
  withFolder(async (folder) => {
    const out = join(folder, "lc.geojsonl");
    const options: VectorizeOptions = { out, crs: "native" };
    const result = await vectorize(join(GEO, "lc.tif"), options);
    const features = await featuresOf(out);
    assert.deepEqual([result.features, result.pixels, features.length], [421, 84 * 46, 421]);
    const area = features.reduce(
      (total, { geometry }) => total + geometry.coordinates.reduce((all, ring) => all + shoelace(ring), 0),
      0,
    );
    assert.equal(area, 84 * 46 * 3000 ** 2);
    const sieved = await vectorize(join(GEO, "lc.tif"), {
      ...options,
      minArea: { value: 10, unit: "pixels" },
      force: true,
    });
    const kept = await featuresOf(out);
    assert.deepEqual([sieved.pixels, kept.length], [84 * 46, sieved.features]);
    assert.ok(kept.length < 100 && kept.every(({ properties }) => Number(properties.pixel_count) >= 10));
  }));

function shoelace(ring: readonly number[][]): number {
  let twice = 0;
  for (let i = 1; i < ring.length; i++) twice += ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
  return twice / 2;
}
