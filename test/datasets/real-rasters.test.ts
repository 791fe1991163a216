/**
 * @file Real scenes from the folder ../shared/data/geo end to end: buildings of SpaceNet Atlanta (uint16, one band, GeoJSON labels) and a Landsat 7
 * scene of six bands whose labels are made here by index rules: water where NDWI = (green - near infrared) / (green + near infrared) > 0,
 * vegetation where NDVI = (near infrared - red) / (near infrared + red) > 0.2, land elsewhere. Bands of Landsat 7: 2 green, 3 red, 4 near infrared.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { TrainOptions } from "../../src/config.js";
import { geotiff } from "../../datasets/geotiff.js";
import { openModel } from "../../src/open-model.js";
import { predict } from "../../src/predict.js";
import { openGeoTiff, writeGeoTiff } from "../../src/raster/index.js";
import { initialise } from "../../src/scope.js";
import { train } from "../../src/train/index.js";
import { withFolder } from "../support/folder.js";
import { GEO } from "../support/geo-files.js";

const skip = existsSync(GEO) ? false : "the shared rasters are not on this machine";
const ATLANTA = join(GEO, "sample_geotiff.tif");
const LANDSAT = join(GEO, "L7_ETMs.tif");

const common = {
  encoder: "resnet-test",
  encoderWeights: "none",
  dataset: "geotiff",
  decoderOptions: { channels: [32, 24, 16, 12, 8] },
  loss: "ce+dice",
  lr: 0.01,
  schedule: "one-cycle",
  augment: "flips",
  threads: 1,
} satisfies Partial<TrainOptions>;

const ratio = (a: number, b: number) => (a - b) / (a + b || 1);

/** Writes the labels of the index rules on the scene's grid. */
async function writeIndexLabels(path: string): Promise<string> {
  const scene = await openGeoTiff(LANDSAT);
  const { width, height, grid } = scene;
  const { data, bands } = await scene.read({ x: 0, y: 0, width, height });
  await scene.close();
  const labels = Uint8Array.from({ length: width * height }, (_, i) => {
    const [green, red, infrared] = data.slice(i * bands + 1, i * bands + 4);
    return ratio(green, infrared) > 0 ? 1 : ratio(infrared, red) > 0.2 ? 2 : 0;
  });
  await writeGeoTiff(path, { width, height, bands: 1, dtype: "uint8", grid }, (writer) => writer.write(labels));
  return path;
}

/** Maps a scene with a run's model and returns the map with what the scene says of its place. */
async function mapped(run: string, scene: string, out: string) {
  const model = await openModel(run, { threads: 1 });
  const [{ state, error }] = await predict(model, [scene], { out, tile: 128 });
  await model.close();
  assert.equal(state, "written", error?.message);
  const [source, map] = [await openGeoTiff(scene), await openGeoTiff(out)];
  assert.deepEqual(map.grid, source.grid);
  const { data, width, height } = await map.read({ x: 0, y: 0, width: map.width, height: map.height });
  await source.close();
  await map.close();
  return { data, width, height, card: model.card, state: model.state };
}

describe("a Landsat scene of six bands", { skip }, () => {
  const withLabels = (use: (folder: string, options: TrainOptions) => Promise<void>) =>
    withFolder(async (folder) => {
      const labels = await writeIndexLabels(join(folder, "labels.tif"));
      const datasetOptions = { labels, classes: "land,water,vegetation", splitBy: "blocks", valFraction: 0.25 };
      await use(folder, { ...common, data: LANDSAT, out: join(folder, "run"), size: 64, datasetOptions });
    });

  test("is refused without a choice of bands, by name of the choices", () =>
    withLabels(async (_, options) => {
      await assert.rejects(
        train({ ...options, steps: 1 }),
        /L7_ETMs\.tif: has 6 bands \(.*\), resnet-test takes 3; choose with --bands.*--adapt-bands/,
      );
    }));

  test("trains a widened first layer on all six and maps with all six", () =>
    withLabels(async (folder, options) => {
      const summary = await train({ ...options, adaptBands: true, steps: 90, batchSize: 6, validateEvery: 30 });
      assert.ok((summary.mIoU ?? 0) > 0.6, `mIoU ${summary.mIoU} of land, water, vegetation in held-out blocks`);
      const { data, card, state } = await mapped(options.out, LANDSAT, join(folder, "map.tif"));
      assert.deepEqual(state.get("encoder.conv1.weight")?.shape, [8, 6, 7, 7]);
      assert.equal(card.preprocessing.stretch?.low.length, 6);
      const water = Array.from(data).filter((value) => value === 1).length / data.length;
      assert.ok(Math.abs(water - 0.566) < 0.1, `${water} of the map is water; 0.566 by the rule`);
    }));

  for (const tune of ["full", "frozen"] as const) {
    test(`enters a plain ViT by a 1x1 projection that is trained, encoder ${tune}`, () =>
      withLabels(async (_, options) => {
        const vit = {
          ...options,
          encoder: "sam-vit-test",
          adaptBands: true,
          tune,
          decoderOptions: { channels: [16, 16, 8, 8, 8] },
        };
        const summary = await train({ ...vit, steps: 2, batchSize: 1, validateEvery: 2, valLimit: 1 });
        assert.ok(Number.isFinite(summary.mIoU));
        const open = await openModel(options.out, { threads: 1 });
        const start = initialise(open.model.slots(), 0);
        const moved = (name: string) => !isDeepStrictEqual(open.state.get(name)?.data, start.get(name)?.data);
        assert.deepEqual(open.state.get("adapter.weight")?.shape, [3, 6, 1, 1]);
        assert.ok(moved("adapter.weight"), "the projection is trained");
        assert.equal(moved("encoder.patch_embed.proj.weight"), tune === "full", "the encoder only where it is tuned");
        await open.close();
      }));
  }

  test("three of its bands are a choice too", () =>
    withLabels(async (_, options) => {
      const summary = await train({ ...options, bands: [4, 3, 2], steps: 4, batchSize: 2 });
      assert.ok(Number.isFinite(summary.mIoU));
      const { card, close } = await openModel(options.out, { threads: 1 });
      assert.deepEqual(card.preprocessing.bands, [3, 2, 1]);
      await close();
    }));
});

describe("buildings of one uint16 band", { skip }, () => {
  const labels = join(GEO, "geotiff_labels.geojson");
  const datasetOptions = { labels, classes: "background,building", splitBy: "blocks", valFraction: 0.25 };

  test("polygons are burnt as GDAL burns them: 33,818 pixels of 810,000", async () => {
    const options = { ...geotiff.geotiff.defaults, ...datasetOptions, size: 900, valFraction: 0 };
    const [sample] = (await geotiff.geotiff.open(ATLANTA, options)).samples("train");
    const { data } = await sample.labels();
    const count = data.reduce((sum, value) => sum + value, 0); // gdal_rasterize -burn 1, GDAL 3.6.2: the same pixels
    assert.deepEqual([data.length, count], [810_000, 33_818]);
  });

  test("train, keep their stretch with the model, and are mapped on the scene's grid", () =>
    withFolder(async (folder) => {
      const out = join(folder, "run");
      const run = {
        ...common,
        data: ATLANTA,
        out,
        size: 128,
        datasetOptions,
        steps: 30,
        batchSize: 4,
        validateEvery: 30,
      };
      const summary = await train(run);
      assert.ok(Number.isFinite(summary.mIoU));
      const { data, width, height, card } = await mapped(out, ATLANTA, join(folder, "map.tif"));
      assert.deepEqual([width, height], [900, 900]);
      assert.ok(data.every((value: number) => value === 0 || value === 1));
      const { stretch, bands } = card.preprocessing;
      assert.deepEqual(bands, [0, 0, 0], "one band for each of the encoder's three");
      const own = await (
        await geotiff.geotiff.open(ATLANTA, { ...geotiff.geotiff.defaults, ...datasetOptions, size: 128 })
      ).statistics;
      assert.deepEqual(stretch, { low: Array(3).fill(own?.low[0]), high: Array(3).fill(own?.high[0]) });
      assert.ok(
        Math.abs((own?.low[0] ?? 0) - 126) < 10 && Math.abs((own?.high[0] ?? 0) - 1109) < 60,
        "near the whole scene's",
      );
    }));
});
