/**
 * @file What a scene becomes: bands of probability against their definitions, windows that fail, features kept for other decoders, parts of scenes, scenes behind
 * URLs, and what is left after a full disk.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { OpenModel } from "../../src/open-model.js";
import { type PredictOptions, predict } from "../../src/predict.js";
import { type GeoRaster, openGeoTiff } from "../../src/raster/index.js";
import { PROBABILITY_BANDS } from "../../src/scene/bands.js";
import type { SceneSummary } from "../../src/scene/summary.js";
import { blended } from "../support/blended.js";
import { withFolder } from "../support/folder.js";
import { noise, writeScene } from "../support/geo-files.js";
import { CLASSES, withModel } from "../support/geo-model.js";
import { withRangeServer } from "../support/range-server.js";

const [WIDTH, HEIGHT] = [230, 190];

interface Map {
  readonly classes: Uint8Array;
  /** Pixel by pixel, the bands' names first. */
  readonly bands: Readonly<Record<string, Uint8Array>>;
  readonly summary: SceneSummary;
  readonly grid: GeoRaster["grid"];
}

const withScene = (use: (folder: string, path: string) => Promise<void>) =>
  withFolder(async (folder) => use(folder, await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 3])));

/** Predicts a scene and reads everything that was written. */
async function mapOf(
  model: OpenModel,
  input: string,
  out: string,
  options: Partial<PredictOptions> = {},
): Promise<Map> {
  const [{ error }] = await predict(model, [input], { tile: 64, inThreads: false, ...options, out });
  if (error) throw error;
  const [classes, grid] = await withRaster(out, async (map) => [(await readAll(map)) as Uint8Array, map.grid] as const);
  const bands: Record<string, Uint8Array> = {};
  const probabilities = out.replace(".tif", ".prob.tif");
  if (existsSync(probabilities)) {
    await withRaster(probabilities, async (map) => {
      const data = (await readAll(map)) as Uint8Array;
      for (const [b, name] of map.bandNames.entries()) bands[name] = data.filter((_, i) => i % map.bands === b);
    });
  }
  return { classes, bands, grid, summary: JSON.parse(await readFile(`${out}.summary.json`, "utf8")) };
}

async function withRaster<T>(path: string, use: (raster: GeoRaster) => Promise<T>): Promise<T> {
  const raster = await openGeoTiff(path);
  try {
    return await use(raster);
  } finally {
    await raster.close();
  }
}

const readAll = async (raster: GeoRaster) =>
  (await raster.read({ x: 0, y: 0, width: raster.width, height: raster.height })).data;

test("bands hold what their names say: probabilities of every class, confidence, margin, entropy, disagreement", () =>
  withScene(async (folder, scene) =>
    withModel(async (model) => {
      const { classes, bands } = await mapOf(model, scene, join(folder, "map.tif"), { bands: PROBABILITY_BANDS });
      const { probabilities } = await withRaster(scene, (raster) => blended(model, raster, { tile: 64 }));
      const names = CLASSES.map(({ name }) => `probability of ${name}`);
      assert.deepEqual(Object.keys(bands), [...names, "confidence", "margin", "entropy", "disagreement"]);
      const pixels = WIDTH * HEIGHT;
      const byte = (value: number) => Math.round(254 * value);
      for (let i = 0; i < pixels; i++) {
        const p = CLASSES.map((_, c) => probabilities[c * pixels + i]);
        const [best, second] = [...p].sort((a, b) => b - a);
        const entropy = -p.reduce((sum, value) => sum + value * Math.log(value), 0) / Math.log(p.length);
        assert.equal(classes[i], p.indexOf(best));
        const expected = { confidence: best, margin: best - second, entropy };
        for (const [c, name] of names.entries()) assert.equal(bands[name][i], byte(p[c]), `${name} of pixel ${i}`);
        for (const [name, value] of Object.entries(expected)) {
          assert.ok(Math.abs(bands[name][i] - 254 * value) <= 0.501, `${name} of pixel ${i}`);
        }
        assert.equal(bands.disagreement[i], 0, "windows whose margin covers the model's reach agree");
      }
    }),
  ));

test("disagreement is the spread of what overlapping windows say", () =>
  withScene(async (folder, scene) =>
    withModel(async (model) => {
      const options = { tile: 128, overlap: 64, bands: ["disagreement"], blend: "none" } as const;
      const { bands } = await mapOf(model, scene, join(folder, "map.tif"), options);
      const none = await mapOf(model, scene, join(folder, "crop.tif"), { ...options, blend: "crop" });
      assert.ok(
        none.bands.disagreement.every((value) => value === 0),
        "one window a pixel agrees with itself",
      );
      const at = (x: number, y: number) => bands.disagreement[y * WIDTH + x];
      assert.ok(
        [...Array(20).keys()].some((y) => at(64, y) > 0),
        "the next window's edge lies at 64",
      );
      assert.ok(
        [...Array(20).keys()].every((y) => at(40, y) === 0),
        "one window reaches here",
      );
    }),
  ));

describe("a window that fails", () => {
  /** A model whose scores fail for one window of the scene as often as said. */
  const failing = (model: OpenModel, window: number, times: number): OpenModel => {
    let [runs, failures] = [0, 0];
    const probabilities: OpenModel["predictor"]["probabilities"] = async (...args) => {
      if (runs === window && failures < times) {
        failures++;
        throw new Error("no luck");
      }
      runs++;
      return model.predictor.probabilities(...args);
    };
    return { ...model, predictor: { ...model.predictor, probabilities } };
  };

  test("twice is tried again, and the map is the one of a run without", () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const whole = await mapOf(model, scene, join(folder, "whole.tif"));
        const again = await mapOf(failing(model, 5, 2), scene, join(folder, "again.tif"));
        assert.deepEqual(again.classes, whole.classes);
        assert.deepEqual(again.summary.windows.failed, []);
        const threaded = await mapOf(failing(model, 5, 2), scene, join(folder, "threaded.tif"), { inThreads: true });
        assert.deepEqual(threaded.classes, whole.classes);
      }),
    ));

  test("for good stops the run in a line that names it; the run goes on from there", () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const out = join(folder, "map.tif");
        const [{ state, error }] = await predict(failing(model, 9, 9), [scene], { out, tile: 64 });
        assert.equal(state, "failed");
        assert.match(String(error?.message), /window 166,48 \(64 x 64\) failed 3 times: no luck; run again to go on/);
        assert.deepEqual(await readdir(folder), ["map.tif.work", "scene.tif"]);
        const whole = await mapOf(model, scene, join(folder, "whole.tif"));
        assert.deepEqual((await mapOf(model, scene, out)).classes, whole.classes);
      }),
    ));

  test("is marked and counted where that is asked for: no data where it has weight, the rest as it was", () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const whole = await mapOf(model, scene, join(folder, "whole.tif"), { overlap: 16 });
        const options = { onError: "nodata", overlap: 16, bands: ["confidence"] } as const;
        const marked = await mapOf(failing(model, 6, 3), scene, join(folder, "map.tif"), options);
        assert.deepEqual(marked.summary.windows.failed, [[1, 1]]);
        let hidden = 0;
        for (let y = 0; y < HEIGHT; y++) {
          for (let x = 0; x < WIDTH; x++) {
            const value = marked.classes[y * WIDTH + x];
            const isInside = x >= 50 && x < 110 && y >= 50 && y < 110; // of 48..112, without the dead margin of 2
            assert.equal(value === 255, isInside, `pixel ${x},${y}`);
            assert.equal(marked.bands.confidence[y * WIDTH + x] === 255, isInside);
            if (isInside) hidden++;
            else assert.equal(value, whole.classes[y * WIDTH + x]);
          }
        }
        assert.equal(marked.summary.noDataPixels, hidden);
      }),
    ));

  test("gives scores that are not numbers: it fails too", () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const probabilities: OpenModel["predictor"]["probabilities"] = async (input) => {
          const found = await model.predictor.probabilities(input);
          found.data[77] = Number.NaN;
          return found;
        };
        const broken = { ...model, predictor: { ...model.predictor, probabilities } };
        const [{ error }] = await predict(broken, [scene], { out: join(folder, "map.tif"), tile: 64 });
        assert.match(String(error?.message), /window 0,0 .* the model's score 77 is not a number/);
      }),
    ));
});

test("features of a scene's windows serve another decoder: no encoder pass, and the map it makes without them", () =>
  withScene(async (folder, scene) => {
    const features = join(folder, "features");
    const encoder = { encoder: "resnet-test", decoder: "unet" };
    const options = { tile: 64, cacheFeatures: features };
    const first = await withModel((model) => mapOf(model, scene, join(folder, "a.tif"), options), encoder);
    const windows = first.summary.windows.columns * first.summary.windows.rows;
    assert.deepEqual(first.summary.features, { found: 0, computed: windows });
    const other = { ...encoder, decoder: "fpn" };
    const second = await withModel((model) => mapOf(model, scene, join(folder, "b.tif"), options), other);
    assert.deepEqual(second.summary.features, { found: windows, computed: 0 });
    const plain = await withModel((model) => mapOf(model, scene, join(folder, "c.tif")), other);
    assert.deepEqual(plain.classes, second.classes);
    const changed = await withModel((model) => mapOf(model, scene, join(folder, "d.tif"), options), {
      ...encoder,
      seed: 9,
    });
    assert.equal(changed.summary.features.found, 0, "another encoder's features are not taken");
  }));

describe("a part of a scene", () => {
  test("by window: the pixels of that part alone, at its place", () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const part = await mapOf(model, scene, join(folder, "part.tif"), { window: "40,30,100,90" });
        const cut = join(folder, "cut.tif");
        execFileSync("gdal_translate", ["-q", "-srcwin", "40", "30", "100", "90", scene, cut]);
        const expected = await mapOf(model, cut, join(folder, "expected.tif"));
        assert.deepEqual(part.classes, expected.classes);
        assert.deepEqual(part.grid.transform, expected.grid.transform);
        assert.equal(part.grid.epsg, 32633);
      }),
    ));

  test("by the polygons of a GeoJSON: outside them nothing is run or written", () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const corner = [500_000, 5_800_000];
        const ring = [
          [0, 0],
          [0, -600],
          [1000, -600],
          [1000, -1800],
          [2200, -1800],
          [2200, 0],
          [0, 0],
        ].map(([x, y]) => [corner[0] + x, corner[1] + y]);
        const crs = { type: "name", properties: { name: "urn:ogc:def:crs:EPSG::32633" } };
        const geometry = { type: "Polygon", coordinates: [ring] };
        const aoi = join(folder, "aoi.geojson");
        await writeFile(
          aoi,
          JSON.stringify({ type: "FeatureCollection", crs, features: [{ type: "Feature", properties: {}, geometry }] }),
        );
        const { classes, summary } = await mapOf(model, scene, join(folder, "map.tif"), { aoi, tile: 32 });
        assert.equal(classes.length, 220 * 180);
        const isInside = (x: number, y: number) => y < 60 || x >= 100;
        assert.ok(classes.every((value, i) => (value === 255) === !isInside(i % 220, Math.floor(i / 220))));
        assert.ok(summary.windows.skipped > 8, `${summary.windows.skipped} windows skipped`);
      }),
    ));
});

describe("a scene behind a URL", () => {
  for (const ranges of [true, false]) {
    test(`${ranges ? "in ranges" : "whole, where the server knows no ranges"}: the bytes of the local map`, () =>
      withScene(async (folder, scene) =>
        withModel(async (model) => {
          const local = await mapOf(model, scene, join(folder, "local.tif"));
          await withRangeServer(await readFile(scene), async (server) => {
            if (!ranges) server.knowsRanges = false;
            const remote = await mapOf(model, server.url, join(folder, "remote.tif"), { allowPrivateHosts: true });
            assert.deepEqual(remote.classes, local.classes);
            const told = remote.summary.reading.remote;
            assert.equal(told?.downloaded, !ranges);
            assert.ok((told?.requests ?? 99) <= 6, `${told?.requests} requests`);
            assert.ok(server.sent < 2.2 * server.content.length, "nothing is fetched over and over");
            const [refused] = await predict(model, [server.url], { out: join(folder, "no.tif"), tile: 64 });
            assert.match(
              String(refused.error?.message),
              /is of this machine or a private network.*--allow-private-hosts/,
            );
          });
        }),
      ));
  }
});

const isRoot = process.getuid?.() === 0 && process.platform === "linux";
test(
  "a full disk ends in one line: the map that was there is untouched, and the run goes on with room",
  {
    skip: isRoot ? false : "mounting a small file system needs root on Linux",
  },
  () =>
    withScene(async (folder, scene) =>
      withModel(async (model) => {
        const disk = join(folder, "disk");
        await mkdir(disk);
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k", "tmpfs", disk]);
        try {
          const out = join(disk, "map.tif");
          const before = await mapOf(model, scene, out);
          const bytes = await readFile(out);
          assert.ok(before.classes.length > 0);
          const again = { out, tile: 64, overlap: 32, force: true, bands: PROBABILITY_BANDS };
          await assert.rejects(predict(model, [scene], again), /the disk is full; free some space/);
          assert.deepEqual(await readFile(out), bytes, "the map that was there");
          assert.ok(!(await readdir(disk)).some((name) => name.includes("partial")), String(await readdir(disk)));
          execFileSync("mount", ["-o", "remount,size=8m", disk]);
          const roomy = await mapOf(model, scene, out, again);
          await cp(scene, join(folder, "same.tif"));
          const whole = await mapOf(model, scene, join(folder, "whole.tif"), {
            ...again,
            out: join(folder, "whole.tif"),
          });
          assert.deepEqual(roomy.classes, whole.classes);
        } finally {
          execFileSync("umount", [disk]);
        }
      }),
    ),
);

test("the seam score tells butt joints from blended ones", () =>
  withFolder(async (folder) => {
    const scene = await writeScene(join(folder, "scene.tif"), [400, 400, 3], noise(400, 400, 3, 4));
    await withModel(
      async (model) => {
        const score = async (blend: PredictOptions["blend"], overlap: number) =>
          (await mapOf(model, scene, join(folder, `${blend}.tif`), { blend, overlap, tile: 128 })).summary.seamScore ??
          0;
        const [butt, smooth] = [await score("none", 0), await score("cosine", 64)];
        assert.ok(butt > 1.05 * smooth, `${butt} without overlap, ${smooth} blended`);
        const one = await mapOf(model, scene, join(folder, "one.tif"), { tile: 512 });
        assert.equal(one.summary.seamScore, undefined, "one window has no seams");
      },
      { encoder: "resnet-test", decoder: "unet" },
    );
  }));
