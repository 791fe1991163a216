/** @file The scene under a map: where it lies, and what its tiles show, against sums done pixel by pixel. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { type CogOptions, writeCog } from "../../src/cog/index.js";
import { predict } from "../../src/predict.js";
import { type Grid, makeGrid, openGeoTiff, type Transform, writeGeoTiff } from "../../src/raster/index.js";
import { silent } from "../../src/talk.js";
import { startView, type ViewOptions } from "../../src/view/index.js";
import { placeOf } from "../../src/view/placement.js";
import { openSourceTiles } from "../../src/view/source-tiles.js";
import { fillIntegers } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { gridOf, writeScene } from "../support/geo-files.js";
import { CLASSES, tinyModel } from "../support/geo-model.js";
import { writeClassMap } from "./maps.js";

const placed = (width: number, height: number, transform?: Transform, epsg = 32633) => ({
  width,
  height,
  grid: transform
    ? makeGrid(width, height, transform, epsg)
    : ({ width, height, geoKeys: new Map(), tags: [] } as Grid),
});

test("the place of a map in its scene: the same grid, a part of it, another pixel size; what has none is said", () => {
  const scene = placed(400, 300, [500_000, 10, 0, 5_800_000, 0, -10]);
  const axis = (offset: number, scale: number) => ({ offset, scale });
  assert.deepEqual(placeOf(scene, scene), { x: axis(0, 1), y: axis(0, 1) });
  const part = placed(100, 50, [500_170, 10, 0, 5_799_580, 0, -10]);
  assert.deepEqual(placeOf(part, scene), { x: axis(17, 1), y: axis(42, 1) });
  const coarse = placed(100, 75, [500_000, 40, 0, 5_800_000, 0, -40]);
  assert.deepEqual(placeOf(coarse, scene), { x: axis(0, 4), y: axis(0, 4) });
  const turned = placed(40, 40, [500_000, 0.8, 0.6, 5_800_000, 0.6, -0.8]);
  assert.deepEqual(placeOf(turned, turned), { x: axis(0, 1), y: axis(0, 1) });
  const words = (map: typeof scene, source = scene) => String(placeOf(map, source));
  assert.match(words(turned), /turned/);
  assert.match(
    words(placed(400, 300, [500_000, 10, 0, 5_800_000, 0, -10], 32632)),
    /EPSG:32633, the map in EPSG:32632/,
  );
  assert.match(words(placed(10, 10, [900_000, 10, 0, 5_800_000, 0, -10])), /beside/);
  assert.match(words(placed(400, 300)), /no place in common/);
  assert.deepEqual(placeOf(placed(9, 7), placed(9, 7)), { x: axis(0, 1), y: axis(0, 1) });
  assert.match(words(placed(9, 7), placed(9, 8)), /no place in common/);
});

/** RGBA of a tile. */
async function pixelsOf(png: Uint8Array | undefined): Promise<Buffer> {
  assert.ok(png);
  return sharp(png).ensureAlpha().raw().toBuffer();
}

const [WIDTH, HEIGHT] = [700, 520];

test("tiles: the full size pixel by pixel, reduced ones as means, data alone, one stretch for all", () =>
  withFolder(async (folder) => {
    const values = Uint16Array.from(fillIntegers(5, WIDTH * HEIGHT * 4, 3000), (value) => value + 100);
    for (let y = 0; y < 64; y++) values.fill(0, y * WIDTH * 4, (y * WIDTH + 64) * 4); // nodata
    const more = { dtype: "uint16", nodata: 0 } as const;
    const path = await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 4], values, more);
    const map = await openGeoTiff(path);
    const tiles = await openSourceTiles(path, map, { bands: [3, 1, 0] });
    try {
      assert.equal(tiles.levels, 3);
      const full = await pixelsOf(await tiles.png(0, 1, 1));
      const sample = (x: number, y: number, band: number) => values[(y * WIDTH + x) * 4 + band];
      const stretches = stretchOf(full, (x, y, band) => sample(x + 256, y + 256, band), [3, 1, 0]);
      assert.ok(
        stretches.every((error) => error <= 1.001),
        `${stretches} levels off a straight line`,
      );
      const reduced = await pixelsOf(await tiles.png(2, 0, 0));
      const meanOf = (x: number, y: number, band: number) => {
        let sum = 0;
        for (let k = 0; k < 16; k++) sum += sample(4 * x + (k & 3), 4 * y + (k >> 2), band);
        return sum / 16;
      };
      const inside = { left: 20, top: 20, right: 174, bottom: 129 };
      assert.ok(stretchOf(reduced, meanOf, [3, 1, 0], inside).every((error) => error <= 1.001));
      assert.deepEqual([...reduced.subarray(0, 4)], [0, 0, 0, 0], "nodata is transparent");
      assert.equal(reduced[(10 * 256 + 200) * 4 + 3], 0, "beyond the map is transparent");
      assert.equal(await tiles.png(0, 3, 0), undefined);
    } finally {
      await Promise.all([tiles.close(), map.close()]);
    }
  }));

/** Largest distance from the line through the 2nd and 98th percentile that the tile's bytes follow where they are not clipped, per channel. */
function stretchOf(
  pixels: Buffer,
  value: (x: number, y: number, band: number) => number,
  bands: readonly number[],
  { left, top, right, bottom } = { left: 0, top: 0, right: 256, bottom: 256 },
): number[] {
  return bands.map((band, channel) => {
    const low = 100 + 0.02 * 2999; // of an even distribution; a sample of it is near
    const scale = 255 / (0.96 * 2999);
    let worst = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const wanted = Math.min(Math.max((value(x, y, band) - low) * scale, 0), 255);
        worst = Math.max(worst, Math.abs(pixels[(y * 256 + x) * 4 + channel] - wanted));
      }
    }
    return worst;
  });
}

const hasGdal = spawnSync("gdal_translate", ["--version"]).status === 0;

test(
  "reduced copies in a scene are used where they are fine enough",
  hasGdal ? {} : { skip: "no gdal_translate" },
  () =>
    withFolder(async (folder) => {
      const values = Uint8Array.from(fillIntegers(6, 1024 * 1024, 256));
      const plain = await writeScene(join(folder, "plain.tif"), [1024, 1024, 1], values);
      const path = join(folder, "scene.tif");
      const options = ["BLOCKSIZE=128", "OVERVIEWS=IGNORE_EXISTING", "OVERVIEW_RESAMPLING=NEAREST"].flatMap(
        (option) => ["-co", option],
      );
      execFileSync("gdal_translate", ["-q", "-of", "COG", ...options, plain, path]); // nearest: what means of the full size never are
      const map = await openGeoTiff(path);
      const tiles = await openSourceTiles(path, map);
      try {
        assert.deepEqual(
          map.overviews.slice(0, 3).map(({ width }) => width),
          [512, 256, 128],
        );
        const stored = await map.readLevel(2, { x: 0, y: 0, width: 256, height: 256 });
        const shown = await pixelsOf(await tiles.png(2, 0, 0));
        const worst = Array.from(stored.data).reduce((most, value, i) => {
          const wanted = Math.min(Math.max(((value - 5) * 255) / 245, 0), 255);
          return Math.max(most, Math.abs(shown[4 * i] - wanted));
        }, 0);
        assert.ok(worst <= 5, `${worst} levels off the stored copy`);
      } finally {
        await Promise.all([tiles.close(), map.close()]);
      }
    }),
);

test("a part of a scene is shown under a map of that part", () =>
  withFolder(async (folder) => {
    const grey = Uint8Array.from({ length: 90 * 80 }, (_, i) => (i * 7) % 251);
    const scene = await writeScene(join(folder, "scene.tif"), [90, 80, 1], grey);
    const grid = makeGrid(40, 30, [500_000 + 300, 10, 0, 5_800_000 - 200, 0, -10], 32633);
    const part = await openGeoTiff(
      await writeScene(join(folder, "part.tif"), [40, 30, 1], new Uint8Array(1200), { grid }),
    );
    const [whole, tiles] = [await openGeoTiff(scene), await openSourceTiles(scene, part)];
    const under = await openSourceTiles(scene, whole);
    try {
      const [mine, all] = [await pixelsOf(await tiles.png(0, 0, 0)), await pixelsOf(await under.png(0, 0, 0))];
      for (let y = 0; y < 30; y++) {
        const from = ((y + 20) * 256 + 30) * 4;
        assert.deepEqual(mine.subarray(y * 1024, y * 1024 + 160), all.subarray(from, from + 160), `row ${y}`);
      }
      assert.equal(mine[40 * 4 + 3], 0);
    } finally {
      await Promise.all([part.close(), whole.close(), tiles.close(), under.close()]);
    }
  }));

test("the source: the summary's where it fits, left out with a note where it does not", () =>
  withFolder(async (folder) => {
    const map = join(folder, "map.tif");
    await writeClassMap(map, 64, 48, (x) => x % 3);
    await writeScene(join(folder, "scene.tif"), [64, 48, 3]);
    const other = await writeScene(join(folder, "other.tif"), [64, 48, 3], undefined, {
      grid: makeGrid(64, 48, [0, 10, 0, 0, 0, -10], 32633),
    });
    const warnings: string[] = [];
    const metaOf = async (options = {}) => {
      const view = await startView(map, options, { ...silent, warn: (line) => void warnings.push(line) });
      await view.close();
      return view.meta;
    };
    const summarise = (summary: unknown) => writeFile(`${map}.summary.json`, JSON.stringify(summary));
    assert.deepEqual((await metaOf()).source, { levels: 0, note: "no source is known; name one with --source" });
    const classes = ["Wälder & <Wiesen>", "water", "road", "roof"].map((name, i) => ({
      name,
      pixels: [1, 2, 5, 0][i],
    }));
    await summarise({ input: { path: "scene.tif" }, classes, seam: { score: 1.25 } });
    const meta = await metaOf();
    assert.deepEqual(meta.source, { levels: 1, note: "scene.tif" });
    assert.deepEqual([meta.classes.map(({ share }) => share), meta.sharesAre], [[0.125, 0.25, 0.625, 0], "exact"]);
    assert.deepEqual(meta.figures, [["seam.score", 1.25]]);
    assert.deepEqual(warnings, []);
    await summarise({ input: { path: other } });
    assert.deepEqual((await metaOf()).source, { levels: 0, note: "other.tif cannot be shown; see the terminal" });
    await summarise({ input: { path: "gone.tif" } });
    assert.equal((await metaOf()).source.levels, 0);
    await summarise({ input: 5 });
    assert.equal((await metaOf()).source.levels, 0);
    await writeFile(`${map}.summary.json`, '{"input": {"path": "scene.t');
    assert.equal((await metaOf()).source.levels, 0);
    const wanted = [/beside the map/, /gone\.tif: no such file/, /unknown form/, /json: is not JSON/];
    assert.equal(warnings.length, wanted.length);
    for (const [i, one] of wanted.entries()) assert.match(warnings[i], one);
  }));

test("a source that was asked for must do, and so must the map", () =>
  withFolder(async (folder) => {
    const map = join(folder, "map.tif");
    await writeClassMap(map, 64, 48, (x) => x % 3);
    const scene = await writeScene(join(folder, "scene.tif"), [64, 48, 3]);
    const grid = makeGrid(64, 48, [0, 10, 0, 0, 0, -10], 32633);
    const other = await writeScene(join(folder, "other.tif"), [64, 48, 3], undefined, { grid });
    const view = (options: ViewOptions) => startView(map, options, silent);
    await assert.rejects(view({ source: other }), /beside the map; give the scene the map was made of/);
    await assert.rejects(view({ source: scene, bands: [0, 5, 1] }), /has no band 6; .*--bands/);
    await assert.rejects(view({ source: scene, bands: [0, 1] }), /2 bands make no colour/);
    await assert.rejects(startView(join(folder, "gone.tif"), {}, silent), /gone\.tif: no such file; /);
    await assert.rejects(startView("https://example.org/map.tif", {}, silent), /is not on this machine/);
    await assert.rejects(startView(scene, {}, silent), /is no class map: it holds 3 band\(s\) of uint8/);
  }));

test("classes of a map that names none: the colours it has, else the values in it", () =>
  withFolder(async (folder) => {
    const metaOf = async (path: string) => {
      const view = await startView(path, {}, silent);
      await view.close();
      return view.meta.classes;
    };
    const data = Uint8Array.from({ length: 64 }, (_, i) => (i < 16 ? 255 : i % 2 === 0 ? 1 : 6));
    const grid = gridOf(8, 8);
    const colors = new Map([1, 6].map((value) => [value, [value, 2, 3]] as const));
    const coloured = await writeScene(join(folder, "a.tif"), [8, 8, 1], data, { grid, nodata: 255, colors });
    const one = (value: number) => ({ value, name: `class ${value}`, color: [value, 2, 3], share: 0.5 });
    assert.deepEqual(await metaOf(coloured), [one(1), one(6)]);
    const plain = await writeScene(join(folder, "b.tif"), [8, 8, 1], data, { grid, nodata: 255 });
    assert.deepEqual(
      (await metaOf(plain)).map(({ value, share }) => [value, share]),
      [
        [1, 0.5],
        [6, 0.5],
      ],
    );
    const categories = ["x & <y>", "z"];
    const named = await writeScene(join(folder, "c.tif"), [8, 8, 1], data, { grid, nodata: 255, categories });
    assert.deepEqual(
      (await metaOf(named)).map(({ name }) => name),
      [...categories, "class 6"],
    );
  }));

test("a large map that names no class: a reduced copy may have lost some, so every value may be one, those seen first", () =>
  withFolder(async (folder) => {
    const side = 2050; // more pixels than are counted
    const data = new Uint8Array(side * side).fill(9);
    data[side * 700 + 701] = 3;
    const path = await writeScene(join(folder, "map.tif"), [side, side, 1], data, {
      ...{ grid: gridOf(side, side), nodata: 255 },
    });
    const view = await startView(path, {}, silent);
    await view.close();
    const values = view.meta.classes.map(({ value }) => value);
    assert.deepEqual([values[0], values.length, new Set(values).size, values.includes(255)], [9, 255, 255, false]);
  }));

test("an address that came with the map is not asked, and no secret of an address is on the page", () =>
  withFolder(async (folder) => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const map = join(folder, "map.tif");
    await writeClassMap(map, 64, 48, (x) => x % 3);
    const { port } = server.address() as AddressInfo; // what a server over TCP has
    const address = `http://me:password@127.0.0.1:${port}/scenes/scene.tif?token=secret`;
    await writeFile(`${map}.summary.json`, JSON.stringify({ input: { path: address } }));
    const lines: string[] = [];
    const hear = (line: string) => void lines.push(line);
    try {
      const view = await startView(map, { allowPrivateHosts: true }, { ...silent, info: hear, warn: hear });
      await view.close();
      const note = "scene.tif is on another machine; name it with --source";
      assert.deepEqual([view.meta.source, asked], [{ levels: 0, note }, 0]);
      assert.deepEqual(lines, [`the map was made of http://127.0.0.1:${port}/scenes/scene.tif; --source shows it`]);
      const wanted = { source: address, allowPrivateHosts: true };
      await assert.rejects(startView(map, wanted, silent), /scene\.tif/);
      assert.ok(asked > 0);
    } finally {
      server.close();
    }
  }));

test("probabilities of another run, of another size or damaged are left out with a warning; their scale is the file's", () =>
  withFolder(async (folder) => {
    const map = join(folder, "map.tif");
    const grid = gridOf(8, 6);
    const samples = new Uint8Array(48);
    const options = { width: 8, height: 6, bands: 1, grid, nodata: 255 } as const;
    await writeGeoTiff(map, { ...options, dtype: "uint8", metadata: { KEY: "a" } }, (writer) => writer.write(samples));
    const shown = async () => {
      const warnings: string[] = [];
      const view = await startView(map, {}, { ...silent, warn: (line) => void warnings.push(line) });
      await view.close();
      return { probability: view.meta.probability, warnings: warnings.join() };
    };
    const path = join(folder, "map.prob.tif");
    const write = (more: Partial<CogOptions>, height = 6) =>
      writeCog(path, { width: 8, height, bands: 1, dtype: "uint8", ...more }, (writer) =>
        writer.write(more.dtype === "float32" ? new Float32Array(8 * height) : new Uint8Array(8 * height)),
      );
    await write({ metadata: { KEY: "b" } });
    const other = await shown();
    assert.deepEqual([other.probability, /of another run/.test(other.warnings)], [undefined, true]);
    await write({ metadata: { KEY: "a" } }, 7);
    assert.match((await shown()).warnings, /map\.prob\.tif: is of another size than the map and not shown/);
    await writeFile(path, "no raster");
    assert.match((await shown()).warnings, /map\.prob\.tif: .*without probabilities/);
    await write({ metadata: { KEY: "a" }, bandItems: [{ description: "x", scale: 0.01, offset: 0.25 }], nodata: 200 });
    const own = { bands: [{ name: "x", scale: 0.01, offset: 0.25 }], nodata: 200 };
    assert.deepEqual(await shown(), { probability: own, warnings: "" });
    await write({});
    assert.deepEqual((await shown()).probability, { bands: [{ name: "band 1", scale: 1 / 254, offset: 0 }] });
    await write({ dtype: "float32", nodata: -0.1 });
    const floats = { bands: [{ name: "band 1", scale: 1, offset: 0 }], nodata: Math.fround(-0.1) };
    assert.deepEqual((await shown()).probability, floats);
  }));

test("what seg predict writes is shown with its scene, shares, figures and probabilities", () =>
  withFolder(async (folder) => {
    const scene = await writeScene(join(folder, "scene.tif"), [96, 80, 3]);
    const out = join(folder, "map.tif");
    const model = await tinyModel();
    try {
      const options = { out, tile: 64, overlap: 16, bands: ["classes", "confidence", "disagreement"] } as const;
      const [{ state }] = await predict(model, [scene], options);
      assert.equal(state, "written");
    } finally {
      await model.close();
    }
    const warnings: string[] = [];
    const view = await startView(out, {}, { ...silent, warn: (line) => void warnings.push(line) });
    await view.close();
    const { source, classes, probability, figures, sharesAre } = view.meta;
    assert.deepEqual([source, sharesAre, warnings], [{ levels: 1, note: "scene.tif" }, "exact", []]);
    assert.deepEqual(
      classes.map(({ name, color }) => ({ name, color })),
      CLASSES.map(({ name, color }) => ({ name, color: [...(color ?? [])] })),
    );
    assert.ok(Math.abs(classes.reduce((sum, { share = 0 }) => sum + share, 0) - 1) < 1e-9);
    const names = [...CLASSES.map(({ name }) => `probability of ${name}`), "confidence", "disagreement"];
    const bands = names.map((name) => ({ name, scale: 1 / 254, offset: 0 }));
    assert.deepEqual(probability, { bands, nodata: 255 });
    assert.ok(figures.some(([name]) => name === "seamScore") && figures.some(([name]) => name === "windows.columns"));
  }));
