/** @file `seg vectorize` as a user meets it: what it writes and prints, what it refuses and why, and that nothing is left when it is stopped. */
import assert from "node:assert/strict";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "../../src/cli/commands/vectorize.js";
import { writeCog } from "../../src/cog/index.js";
import { SegError } from "../../src/errors.js";
import { makeGrid } from "../../src/raster/index.js";
import { silent, Stopped } from "../../src/talk.js";
import { vectorize, type VectorizeOptions } from "../../src/vector/index.js";
import { withScratchFile } from "../../src/vector/scratch.js";
import { drawn, patches } from "../support/class-maps.js";
import { linesOf, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";

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
    const sure = Uint8Array.from({ length: 12 }, (_, i) => (i === 0 ? 255 : i < 8 ? 127 : 254));
    const bytes = Uint8Array.from({ length: 24 }, (_, i) => (i % 2 === 1 ? sure[i >> 1] : 7));
    const writeBands = (name: string, names: readonly string[]) => {
      const bandItems = names.map((description) => ({ description, scale: 1 / 254, offset: 0 }));
      const options = {
        width: 4,
        height: 3,
        bands: 2,
        dtype: "uint8",
        nodata: 255,
        bandItems,
        overviews: "mean",
      } as const;
      return writeCog(join(folder, name), options, (writer) => writer.write(bytes));
    };
    await writeBands("map.prob.tif", ["margin", "confidence"]);
    await writeBands("other.tif", ["margin", "entropy"]);
    const out = join(folder, "map.geojson");
    await vectorize(join(folder, "map.tif"), { out });
    assert.deepEqual(
      (await propertiesOf(out)).map((properties) => properties.mean_confidence),
      [0.5, 0.5, 0.5, 1],
    );
    await assert.rejects(
      vectorize(join(folder, "map.tif"), { out, force: true, confidence: join(folder, "other.tif") }),
      {
        message: /other\.tif: has no band called confidence; give the probability raster/,
      },
    );
  }));

/** The confidence of a map of 4 x 3 pixels, all of it a half, as `seg predict` writes it. */
const writeSure = (path: string, more: Partial<Parameters<typeof writeCog>[1]> = {}) => {
  const size = { width: 4, height: 3, ...more };
  const bandItems = [{ description: "confidence", scale: 1 / 254, offset: 0 }];
  const options = { bands: 1, dtype: "uint8", nodata: 255, bandItems, overviews: "mean", ...size } as const;
  return writeCog(path, options, (writer) => writer.write(new Uint8Array(size.width * size.height).fill(127)));
};

const told = () => {
  const warnings: string[] = [];
  return { warnings, talk: { ...silent, warn: (line: string) => warnings.push(line) } };
};

test("the confidence beside a map is found whichever way its name ends", () =>
  withFolder(async (folder) => {
    const out = join(folder, "map.geojson");
    for (const [ending, name] of ["tif", "tiff", "TIF"].map((word) => [word, `map-${word}`])) {
      await rename(await writeMap(folder), join(folder, `${name}.${ending}`));
      await writeSure(join(folder, `${name}.prob.tif`));
      await vectorize(join(folder, `${name}.${ending}`), { out, force: true });
      assert.ok(
        (await propertiesOf(out)).every((properties) => properties.mean_confidence === 0.5),
        ending,
      );
    }
  }));

test("a confidence nobody asked for that does not do is warned of and left alone", () =>
  withFolder(async (folder) => {
    const [map, beside, out] = ["map.tif", "map.prob.tif", "map.geojson"].map((name) => join(folder, name));
    await writeMap(folder, MAP, { metadata: { ...METADATA, KEY: "one" } });
    const damaged = async () => {
      await writeSure(beside);
      const bytes = await readFile(beside);
      await writeFile(beside, bytes.subarray(0, bytes.length - 8));
    };
    for (const [write, message] of [
      [() => writeSure(beside, { width: 5 }), /map\.prob\.tif: is 5 x 3, the map 4 x 3 pixels; .*no confidence$/],
      [() => writeSure(beside, { metadata: { KEY: "two" } }), /map\.prob\.tif: comes of another run than the map/],
      [() => writeFile(beside, "no image"), /map\.prob\.tif: .*no confidence$/],
      [damaged, /map\.prob\.tif: .*no confidence$/],
    ] as const) {
      await write();
      const { warnings, talk } = told();
      await vectorize(map, { out, force: true }, talk);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], message);
      assert.ok((await propertiesOf(out)).every((properties) => (properties.mean_confidence ?? null) === null));
      await assert.rejects(vectorize(map, { out, force: true, confidence: beside }), SegError);
    }
    await writeSure(beside, { metadata: { KEY: "one" } });
    await vectorize(map, { out, force: true });
    assert.equal((await propertiesOf(out))[0].mean_confidence, 0.5);
  }));

test("names GDAL keeps beside a raster are its classes'", () =>
  withFolder(async (folder) => {
    await writeMap(folder, MAP, { metadata: undefined, categories: ["sea & sky", "", "town"] });
    const out = join(folder, "map.geojson");
    const { classes } = await vectorize(join(folder, "map.tif"), { out, classes: ["sea & sky", "town"] });
    assert.deepEqual(
      classes.map(({ id, name }) => [id, name]),
      [
        [0, "sea & sky"],
        [2, "town"],
      ],
    );
  }));

test("options of the library are checked, and a class that does not occur is told", () =>
  withFolder(async (folder) => {
    const map = await writeMap(folder);
    const out = join(folder, "map.geojson");
    const wrong: readonly (readonly [Partial<VectorizeOptions>, RegExp])[] = [
      [{ simplify: Number.NaN }, /^SegError: simplify NaN: is no number of pixels/],
      [{ simplify: -3 }, /^SegError: simplify -3: /],
      [{ minArea: { value: Number.NaN, unit: "pixels" } }, /^SegError: minArea NaN: is no area/],
      [{ classes: [] }, /^SegError: classes: names none/],
    ];
    for (const [options, message] of wrong) await assert.rejects(vectorize(map, { out, ...options }), message);
    const { warnings, talk } = told();
    await vectorize(map, { out, classes: ["sea", 77] }, talk);
    assert.match(warnings.join("\n"), /^\S+map\.tif: no region of class 77 was found$/);
  }));

test("a disk's fault names the output, not the scratch file beside it", () =>
  withFolder(async (folder) => {
    const work = withScratchFile(join(folder, "no", "map.fgb.arcs"), "map.fgb", async () => {});
    await assert.rejects(work, /^SegError: map\.fgb: its folder does not exist; /);
  }));

/** [map, flags, what is said]; the flags that are paths lie in the test's folder. */
const WRONG: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ["map.tif", { out: "map.shp" }, /map\.shp: has no ending of a vector file; name it \.geojson, \.geojsonl, \.fgb$/],
  ["bands.tif", { out: "a.fgb" }, /bands\.tif: has 3 bands, so it is no class map; /],
  ["floats.tif", { out: "a.fgb" }, /floats\.tif: holds float32 values, so it is no class map; /],
  ["nowhere.tif", { out: "a.fgb" }, /nowhere\.tif: no such file; /],
  ["text.tif", { out: "a.fgb" }, /text\.tif: /],
  ["map.tif", { out: "a.fgb", classes: "sea,fog" }, /^fog: is no class of the raster; .*sea, land, town/],
  ["map.tif", { out: "a.fgb", classes: "sea," }, /^--classes sea,: has an empty word; /],
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

test("in its own coordinates a raster carries the code it states or is given, known here or not", () =>
  withFolder(async (folder) => {
    const out = join(folder, "map.geojson");
    const byParameters = makeGrid(4, 3, [500_000, 10, 0, 5_800_000, 0, -10], 32633);
    const keys = [1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 2048, 0, 1, 4326, 3074, 0, 1, 16033]; // UTM by its conversion
    const tags = byParameters.tags.map((tag) => (tag.tag === 34735 ? { ...tag, values: keys } : tag));
    await writeMap(folder, MAP, { grid: { ...byParameters, tags } });
    const { warnings, talk } = told();
    const stated = await vectorize(join(folder, "map.tif"), { out, crs: "native" }, talk);
    assert.equal(stated.epsg, null);
    assert.match(warnings.join("\n"), /no EPSG code is known/);
    assert.equal((await propertiesOf(out))[0].area_m2, 400);
    const given = { out, force: true, sourceEpsg: 59_999 };
    assert.equal((await vectorize(join(folder, "map.tif"), { ...given, crs: "native" })).epsg, 59_999);
    assert.match(await readFile(out, "utf8"), /urn:ogc:def:crs:EPSG::59999/);
    await assert.rejects(vectorize(join(folder, "map.tif"), given), /EPSG:59999 is not known here/);
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
