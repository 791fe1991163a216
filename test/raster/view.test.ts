/**
 * @file Views of a raster: parts, masks and other pixel sizes give the pixels the whole gives, wherever the windows lie, with tags that place them;
 * and the budget of decoded blocks.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Raster } from "../../src/contract.js";
import {
  cropRaster,
  type GeoRaster,
  makeGrid,
  maskRaster,
  openGeoTiff,
  resampleRaster,
  type Window,
  writeGeoTiff,
} from "../../src/raster/index.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { gridOf, noise, writeScene } from "../support/geo-files.js";

const [WIDTH, HEIGHT] = [97, 71];

async function withScene(use: (raster: GeoRaster) => Promise<void>, nodata = 0, cacheBytes?: number): Promise<void> {
  await withFolder(async (folder) => {
    const data = noise(WIDTH, HEIGHT, 2);
    for (let y = 20; y < 40; y++) data.fill(0, (y * WIDTH + 30) * 2, (y * WIDTH + 60) * 2);
    const path = await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 2], data, { nodata });
    const raster = await openGeoTiff(path, { cacheBytes });
    try {
      await use(raster);
    } finally {
      await raster.close();
    }
  });
}

const whole = ({ width, height }: GeoRaster): Window => ({ x: 0, y: 0, width, height });

/** The part of a raster in memory. */
function part({ data, width, bands, valid }: Raster, window: Window): { data: number[]; valid: number[] } {
  const out: { data: number[]; valid: number[] } = { data: [], valid: [] };
  for (let y = window.y; y < window.y + window.height; y++) {
    for (let x = window.x; x < window.x + window.width; x++) {
      out.valid.push(valid?.[y * width + x] ?? 1);
      for (let b = 0; b < bands; b++) out.data.push(data[(y * width + x) * bands + b]);
    }
  }
  return out;
}

const WINDOWS: readonly Window[] = [
  { x: 0, y: 0, width: 5, height: 9 },
  { x: 7, y: 3, width: 11, height: 1 },
  { x: 1, y: 6, width: 12, height: 10 },
  { x: 12, y: 14, width: 1, height: 1 },
];

/** Any window of a raster is that part of the whole, bit for bit. */
async function checkWindows(raster: GeoRaster): Promise<void> {
  const all = await raster.read(whole(raster));
  for (const window of WINDOWS) {
    const piece = await raster.read(window);
    assert.deepEqual(part(piece, { ...window, x: 0, y: 0 }), part(all, window));
  }
}

test("a part reads as the part of the whole, and its first pixel lies where that pixel lay", () =>
  withScene(async (raster) => {
    const window = { x: 25, y: 13, width: 40, height: 30 };
    const view = cropRaster(raster, window);
    assert.deepEqual(part(await view.read(whole(view)), whole(view)), part(await raster.read(whole(raster)), window));
    await checkWindows(view);
    assert.deepEqual(view.grid.transform, [500_250, 10, 0, 5_799_870, 0, -10]);
    const { tags, geoKeys } = raster.grid;
    assert.deepEqual(view.grid.geoKeys, geoKeys);
    for (const { tag, values } of tags)
      if (tag !== 33922) assert.deepEqual(view.grid.tags.find((other) => other.tag === tag)?.values, values, `${tag}`);
  }));

test("a moved or resampled grid written and read again lies where it should, also rotated and by centres of pixels", () =>
  withFolder(async (folder) => {
    const rotated = makeGrid(WIDTH, HEIGHT, [500_000, 8, 3, 5_800_000, 3, -8], 32633);
    const centred = { ...gridOf(WIDTH, HEIGHT), tags: gridOf(WIDTH, HEIGHT).tags.map(asPoint) };
    for (const [i, grid] of [rotated, centred].entries()) {
      const raster = await openGeoTiff(
        await writeScene(join(folder, `${i}.tif`), [WIDTH, HEIGHT, 1], undefined, { grid }),
      );
      const shift = i === 0 ? 0 : 5; // tie points that are centres lie half a pixel further in
      const size = i === 0 ? Math.hypot(8, 3) * 2 : 20;
      const view = resampleRaster(raster, size, { x: 10, y: 4, width: 60, height: 50 });
      assert.deepEqual([view.width, view.height], [30, 25]);
      const t = raster.grid.transform!;
      const wanted = [t[0] + 10 * t[1] + 4 * t[2], 2 * t[1], 2 * t[2], t[3] + 10 * t[4] + 4 * t[5], 2 * t[4], 2 * t[5]];
      assert.equal(t[0], 500_000 - shift);
      const out = join(folder, `${i}-out.tif`);
      const { data } = await view.read(whole(view));
      await writeGeoTiff(out, { width: 30, height: 25, bands: 1, dtype: "uint8", grid: view.grid }, (w) =>
        w.write(data),
      );
      const again = await openGeoTiff(out);
      for (const [k, value] of wanted.entries())
        assert.ok(Math.abs(value - again.grid.transform![k]) < 1e-6, `${again.grid.transform}`);
      await raster.close();
      await again.close();
    }
  }));

/** The GeoKeys with PixelIsPoint. */
function asPoint({ tag, values }: { tag: number; values: readonly number[] | string }) {
  if (tag !== 34735 || typeof values === "string") return { tag, values };
  return { tag, values: values.map((value, i) => (i > 0 && values[i - 3] === 1025 ? 2 : value)) };
}

test("averages are of the pixels beneath, those without data left out, half of them needed", () =>
  withScene(async (raster) => {
    const all = await raster.read(whole(raster));
    const view = resampleRaster(raster, 30);
    assert.deepEqual([view.width, view.height], [32, 24]);
    const small = await view.read(whole(view));
    for (const [X, Y] of [
      [0, 0],
      [9, 6],
      [10, 7],
      [19, 12],
      [20, 13],
      [31, 22],
    ]) {
      const under = part(all, { x: 3 * X, y: 3 * Y, width: 3, height: 3 });
      const count = under.valid.filter((value) => value === 1).length;
      assert.equal(small.valid?.[Y * 32 + X], count >= 4.5 ? 1 : 0, `${X} ${Y}`);
      for (let b = 0; b < 2; b++) {
        const values = under.data.filter((value, i) => i % 2 === b && value !== 0);
        const mean = values.length > 0 ? Math.round(values.reduce((sum, value) => sum + value, 0) / values.length) : 0;
        assert.equal(small.data[(Y * 32 + X) * 2 + b], mean, `${X} ${Y} ${b}`);
      }
    }
  }));

test("a resampled pixel is the same in every window, at any size", () =>
  withScene(async (raster) => {
    for (const size of [3.7, 10, 13, 29.9])
      await checkWindows(resampleRaster(raster, size, { x: 3, y: 2, width: 90, height: 66 }));
    await checkWindows(resampleRaster(raster, [6, 31]));
  }));

test("bilinear pixels lie between those around them, and the same size changes nothing", () =>
  withFolder(async (folder) => {
    const path = join(folder, "ramp.tif");
    const data = Float32Array.from({ length: 20 * 10 }, (_, i) => 4 * (i % 20) + Math.floor(i / 20));
    await writeScene(path, [20, 10, 1], data, { dtype: "float32" });
    const raster = await openGeoTiff(path);
    assert.deepEqual((await resampleRaster(raster, 10).read(whole(raster))).data, data);
    const fine = resampleRaster(raster, 5);
    const { data: out } = await fine.read(whole(fine));
    assert.ok(Math.abs(out[9 * 40 + 21] - (4 * 10.25 + 4.25)) < 1e-5, `${out[9 * 40 + 21]}`);
    await raster.close();
  }));

test("where the mask says none nothing is read, and elsewhere it joins the file's own", () =>
  withScene(async (raster) => {
    const view = maskRaster(raster, ({ x, width, height }) =>
      x >= 50
        ? "none"
        : x >= 40
          ? "all"
          : Uint8Array.from({ length: width * height }, (_, i) => (i % width < 3 ? 1 : 0)),
    );
    const none = { x: 50, y: 0, width: 20, height: 10 };
    assert.deepEqual([view.mayHoldData(none), raster.mayHoldData(none)], [false, true]);
    assert.deepEqual((await view.read(none)).valid, new Uint8Array(200));
    assert.equal(raster.stats().decoded, 0);
    const some = await view.read({ x: 28, y: 30, width: 4, height: 1 });
    assert.deepEqual(some.valid, Uint8Array.of(1, 1, 0, 0)); // nodata from 30 on, the mask from 31 on
    const all = { x: 40, y: 38, width: 4, height: 4 };
    assert.deepEqual(await view.read(all), await raster.read(all));
  }));

test("decoded blocks never exceed the budget, those in flight included, and what was let go is decoded again", () =>
  withFolder(async (folder) => {
    const [side, block] = [1200, 256 * 256 * 2];
    const data = Uint16Array.from(fill(5, side * side, 3e4), (value) => value + 3e4);
    const path = await writeScene(join(folder, "large.tif"), [side, side, 1], data, { dtype: "uint16" });
    for (const [budget, most] of [
      [3 * block, 3 * block],
      [1, block],
      [100 * block, 25 * block],
    ]) {
      const raster = await openGeoTiff(path, { cacheBytes: budget });
      const reads = [0, 1].map(() => raster.read(whole(raster)));
      for (const { data: read } of await Promise.all(reads)) assert.deepEqual(read, data);
      await raster.read({ x: 0, y: 0, width: 600, height: 600 });
      const { held, blocks, decoded } = raster.stats();
      assert.ok(held <= most, `${held} bytes held of ${most}`);
      assert.equal(blocks, 25);
      if (budget > 25 * block) assert.equal(decoded, 25);
      else assert.ok(decoded > 25);
      await raster.close();
    }
  }));

/** A raster in memory. */
function inMemory(data: Uint8Array | Float64Array, width: number, base: GeoRaster): GeoRaster {
  const height = data.length / width;
  const read = async (window: Window): Promise<Raster> => {
    const out = new (data.constructor as typeof Float64Array)(window.width * window.height); // of the type it came in
    for (let y = 0; y < window.height; y++) {
      const from = (window.y + y) * width + window.x;
      out.set(data.subarray(from, from + window.width), y * window.width);
    }
    const valid = out.includes(0) ? Uint8Array.from(out, (value) => (value === 0 ? 0 : 1)) : undefined;
    return { data: out, width: window.width, height: window.height, bands: 1, ...(valid && { valid }) };
  };
  const dtype = data instanceof Float64Array ? "float64" : "uint8";
  const own = { width, height, bands: 1, dtype, nodata: 0, grid: gridOf(width, height), overviews: [] } as const;
  return { ...base, ...own, read, readLevel: (_, window) => read(window), mayHoldData: () => true };
}

test("a pixel without data far away changes nothing in the last bit", () =>
  withScene(async (base) => {
    for (const scale of [6, 7]) {
      const side = 16 * scale;
      const values = Float64Array.from(fill(9, side * side, 100), (value) => value + 101);
      values[0] = 0;
      for (const data of [Uint8Array.from(values), values]) {
        const view = resampleRaster(inMemory(data, side, base), 10 * scale);
        const all = await view.read(whole(view));
        const quarter = { x: 8, y: 8, width: 8, height: 8 };
        assert.deepEqual(part(await view.read(quarter), { ...quarter, x: 0, y: 0 }), part(all, quarter));
      }
    }
  }));

test("pixels larger than what is read at a time are summed from pieces, exactly", () =>
  withScene(async (base) => {
    const [width, height] = [3000, 1100]; // more samples than are at work at a time
    const data = Uint8Array.from({ length: width * height }, (_, i) => 1 + (i % 251));
    const raster = inMemory(data, width, base);
    let most = 0;
    const watched: GeoRaster = {
      ...raster,
      readLevel: (level, window) => {
        most = Math.max(most, window.width * window.height);
        return raster.readLevel(level, window);
      },
    };
    const view = resampleRaster(watched, [30_000, 11_000]);
    const { data: out } = await view.read(whole(view));
    assert.deepEqual([...out], [Math.round(data.reduce((sum, value) => sum + value, 0) / data.length)]);
    assert.ok(most * 24 <= 2 ** 26, `${most} pixels`);
  }));

test("a pixel size that is larger than the region is refused: metres for degrees", () =>
  withScene(async (raster) => {
    const area = { x: 0, y: 0, width: 50, height: 40 };
    assert.equal(resampleRaster(raster, [500, 400], area).width, 1);
    assert.throws(
      () => resampleRaster(raster, 600, area),
      /^SegError: pixel size 600 x 600: is larger than the region, 500 x 400 in its units; choose a smaller one/,
    );
  }));
