/** @file `seg vectorize` as a user meets it: what it writes and prints, what it refuses and why, and that nothing is left when it is stopped. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "../../src/cli/commands/vectorize.js";
import { SegError } from "../../src/errors.js";
import { makeGrid } from "../../src/raster/index.js";
import { silent, Stopped } from "../../src/talk.js";
import { vectorize } from "../../src/vector/index.js";
import { drawn, patches } from "../support/class-maps.js";
import { linesOf, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { gridOf, writeScene } from "../support/geo-files.js";

const MAP = drawn("0011", "0012", "3333");
const METADATA = { CLASS_0: "sea", CLASS_1: "land", CLASS_2: "town" };

const writeMap = (folder: string, { width, height, data } = MAP, more = {}) =>
  writeScene(join(folder, "map.tif"), [width, height, 1], data, { nodata: 255, metadata: METADATA, ...more });

const propertiesOf = async (path: string): Promise<Record<string, unknown>[]> =>
  JSON.parse(await readFile(path, "utf8")).features.map(({ properties }: { properties: unknown }) => properties);

test("writes, prints a table or JSON, and replaces a file only with --force", () =>
  withFolder(async (folder) => {
    await writeMap(folder);
    const args = ["vectorize", "map.tif", "--out", "map.geojson"];
    const first = await seg([...args, "--classes", "land,2"], { cwd: folder });
    assert.deepEqual([first.code, linesOf(first.stderr).filter((line) => !/^(regions|outlines) /.test(line))], [0, []]);
    assert.match(first.stdout, /1 +land +1\n2 +town +1\nmap\.geojson: 2 polygons\n$/);
    assert.deepEqual(await propertiesOf(join(folder, "map.geojson")), [
      { class_id: 1, class_name: "land", pixel_count: 3, area_m2: 300 },
      { class_id: 2, class_name: "town", pixel_count: 1, area_m2: 100 },
    ]);
    const second = await seg(args, { cwd: folder });
    assert.deepEqual([second.code, second.stdout], [2, ""]);
    assert.match(second.stderr, /^seg: map\.geojson: exists; choose another --out, or replace it with --force\n$/);
    const third = await seg([...args, "--force", "--json", "--min-area", "300m2", "--simplify", "1.5"], {
      cwd: folder,
    });
    const { features, pixels, classes } = JSON.parse(third.stdout);
    assert.deepEqual([third.code, features, pixels, classes.length], [0, 3, 12, 3]);
    assert.deepEqual((await readdir(folder)).sort(), ["map.geojson", "map.tif"]);
  }));

test("a confidence raster beside the map, or the one given, is averaged over each region", () =>
  withFolder(async (folder) => {
    await writeMap(folder);
    const bytes = Uint8Array.from({ length: 12 }, (_, i) => (i === 0 ? 255 : i < 8 ? 127 : 254));
    const bands = [bytes, bytes.map((value) => value >> 1)];
    const probabilities = Uint8Array.from({ length: 24 }, (_, i) => bands[i % 2][i >> 1]);
    const scaled = (data: Uint8Array, count: number, name: string) =>
      writeScene(join(folder, name), [4, 3, count], data, { nodata: 255, grid: gridOf(4, 3) });
    await scaled(bytes, 1, "map.prob.tif");
    await scaled(probabilities, 2, "two.tif");
    const out = join(folder, "map.geojson");
    await vectorize(join(folder, "map.tif"), { out });
    assert.deepEqual(
      (await propertiesOf(out)).map((properties) => properties.mean_confidence),
      [127, 127, 127, 254],
    );
    await assert.rejects(
      vectorize(join(folder, "map.tif"), { out, force: true, confidence: join(folder, "two.tif") }),
      {
        message: /two\.tif: has no band called confidence; give the probability raster/,
      },
    );
  }));

/** [map, flags, what is said]; the flags that are paths lie in the test's folder. */
const WRONG: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ["map.tif", { out: "map.shp" }, /map\.shp: has no ending of a vector file; name it \.geojson, \.geojsonl, \.fgb$/],
  ["bands.tif", { out: "a.fgb" }, /bands\.tif: has 3 bands, so it is no class map; /],
  ["floats.tif", { out: "a.fgb" }, /floats\.tif: holds float32 values, so it is no class map; /],
  ["nowhere.tif", { out: "a.fgb" }, /nowhere\.tif: no such file; /],
  ["text.tif", { out: "a.fgb" }, /text\.tif: /],
  ["map.tif", { out: "a.fgb", classes: "sea,fog" }, /^fog: is no class of the raster; .*sea, land, town/],
  ["map.tif", { out: "a.fgb", "min-area": "5ha" }, /^--min-area 5ha: is no area; /],
  ["map.tif", { out: "a.fgb", simplify: "-1" }, /^--simplify -1: is no number of pixels/],
  ["map.tif", { out: "a.fgb", crs: "EPSG:3857" }, /^--crs EPSG:3857: is not written; /],
  ["map.tif", { out: "a.fgb", "src-crs": "utm" }, /^--src-crs utm: is no EPSG code; /],
  ["bare.tif", { out: "a.geojson" }, /bare\.tif: states no reference system; /],
  ["map.tif", { out: "no/a.fgb" }, /no\/a\.fgb: its folder does not exist; /],
  ["map.tif", { out: "a.fgb", confidence: "bands.tif" }, /bands\.tif: is 8 x 8, the map 4 x 3 pixels; /],
];

test("wrong input is refused by name, and no file is made", () =>
  withFolder(async (folder) => {
    await writeMap(folder);
    await writeScene(join(folder, "bands.tif"), [8, 8, 3]);
    await writeScene(join(folder, "floats.tif"), [4, 3, 1], new Float32Array(12), { dtype: "float32" });
    await writeScene(join(folder, "bare.tif"), [4, 3, 1], MAP.data, { grid: undefined });
    await writeFile(join(folder, "text.tif"), "no image");
    const before = await readdir(folder);
    for (const [map, { out, confidence, ...flags }, message] of WRONG) {
      const paths = { map: join(folder, map), out: join(folder, out) };
      const given = { ...paths, ...flags, ...(confidence && { confidence: join(folder, confidence) }) };
      await assert.rejects(command.run(given), (error) => error instanceof SegError && message.test(error.message));
    }
    assert.deepEqual(await readdir(folder), before);
  }));

test("a raster without a place comes out in pixels, if asked for in its own coordinates", () =>
  withFolder(async (folder) => {
    await writeMap(folder, MAP, { grid: undefined });
    const out = join(folder, "map.geojsonl");
    const warnings: string[] = [];
    await vectorize(
      join(folder, "map.tif"),
      { out, crs: "native" },
      { ...silent, warn: (line) => warnings.push(line) },
    );
    const [first] = (await readFile(out, "utf8")).split("\n").map((line) => line && JSON.parse(line));
    const corners = new Set(first.geometry.coordinates[0].map(String));
    assert.deepEqual([...corners].sort(), ["0,0", "0,2", "2,0", "2,2"]);
    assert.deepEqual(Object.keys(first.properties), ["class_id", "class_name", "pixel_count"]);
    assert.equal(warnings.length, 1);
  }));

test("--src-crs says where a raster is that does not say it or says it wrong", () =>
  withFolder(async (folder) => {
    const grid = makeGrid(4, 3, [500_000, 10, 0, 5_800_000, 0, -10], 32632);
    await writeMap(folder, MAP, { grid });
    const out = join(folder, "map.geojson");
    const longitude = async (sourceEpsg?: number) => {
      await vectorize(join(folder, "map.tif"), { out, sourceEpsg, force: true });
      return JSON.parse(await readFile(out, "utf8")).features[0].geometry.coordinates[0][0][0];
    };
    assert.ok(Math.abs((await longitude()) - 9) < 0.001);
    assert.ok(Math.abs((await longitude(32633)) - 15) < 0.001);
  }));

test("stopped: the file that was there stays, nothing else is left", () =>
  withFolder(async (folder) => {
    await writeMap(folder, patches(50, 300, 1, 3, 60));
    const out = join(folder, "map.fgb");
    await writeFile(out, "before");
    for (const last of [1, 2, 3, 4]) {
      let turns = 0;
      const breathe = async () => {
        if (++turns === last) throw new Stopped("SIGINT");
      };
      const work = vectorize(
        join(folder, "map.tif"),
        { out, force: true, minArea: { value: 3, unit: "pixels" } },
        { ...silent, breathe },
      );
      await assert.rejects(work, Stopped);
    }
    assert.equal(await readFile(out, "utf8"), "before");
    assert.deepEqual((await readdir(folder)).sort(), ["map.fgb", "map.tif"]);
  }));
