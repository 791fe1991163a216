/** @file The layouts of public data sets, as small copies in their real folders, each with the options docs/datasets.md names. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as families from "../../datasets/index.js";
import { type Dataset, IGNORE } from "../../src/contract.js";
import { leaks } from "../../src/dataset/index.js";

const DATA = join(import.meta.dirname, "../../../shared/data/layouts");
const skip = existsSync(DATA) ? false : "the layouts are not on this machine";

const ISPRS =
  "#ffffff=impervious surface,#0000ff=building,#00ffff=low vegetation,#00ff00=tree,#ffff00=car,#ff0000=clutter";
const DEEPGLOBE =
  "#00ffff=urban,#ffff00=agriculture,#ff00ff=rangeland,#00ff00=forest,#0000ff=water,#ffffff=barren,#000000=ignore";
const LOVEDA = "0=ignore,1=background,2=building,3=road,4=water,5=barren,6=forest,7=agriculture";
const LANDCOVER = "background,building,woodland,water,road";

interface Layout {
  readonly name: string;
  readonly root: string;
  readonly kind: "folder" | "geotiff";
  readonly options: Record<string, unknown>;
  /** Samples of each split. */
  readonly counts: Record<string, number>;
  readonly classes: number;
  /** Labels of the first training sample, distinct. */
  readonly labels: readonly number[];
}

const LAYOUTS: readonly Layout[] = [
  {
    name: "Inria, folder",
    root: "inria/AerialImageDataset",
    kind: "folder",
    options: { classes: "background,building" },
    counts: { train: 6, val: 1 },
    classes: 2,
    labels: [0, 1],
  },
  {
    name: "Inria, geotiff",
    root: "inria/AerialImageDataset",
    kind: "geotiff",
    options: {
      images: "train/images/*.tif",
      labels: "train/gt",
      size: 8,
      classes: "background,building",
      valScenes: "austin1,austin2",
    },
    counts: { train: 5, val: 2 },
    classes: 2,
    labels: [0, 1],
  },
  {
    name: "LoveDA",
    root: "loveda",
    kind: "folder",
    options: { classMap: LOVEDA },
    counts: { train: 2, val: 2 },
    classes: 7,
    labels: [IGNORE],
  },
  {
    name: "DeepGlobe",
    root: "deepglobelandcover/data",
    kind: "folder",
    options: { imageSuffix: "_sat", maskSuffix: "_mask", classMap: DEEPGLOBE },
    counts: { train: 2, val: 1, test: 3 },
    classes: 6,
    labels: [0],
  },
  {
    name: "LandCover.ai, its tiles",
    root: "landcoverai",
    kind: "folder",
    options: { images: "output/*.jpg", masks: "output/*_m.png", classes: LANDCOVER },
    counts: { train: 2, val: 2, test: 2 },
    classes: 5,
    labels: [0, 1, 2, 3],
  },
  {
    name: "LandCover.ai, its scenes",
    root: "landcoverai",
    kind: "geotiff",
    options: { images: "images/*.tif", labels: "masks", size: 16, classes: LANDCOVER },
    counts: { train: 13, val: 3 },
    classes: 5,
    labels: [0, 1, 2, 3],
  },
  {
    name: "Potsdam",
    root: "potsdam",
    kind: "geotiff",
    options: {
      ...{ images: "4_Ortho_RGBIR/*_RGBIR.tif", labels: "*_label.tif", classMap: ISPRS, alpha: "band" },
      testScenes: "*_5_15_*,*_6_15_*",
    },
    counts: { train: 1, val: 1, test: 2 },
    classes: 6,
    labels: [0, 1, 2, 5],
  },
  {
    name: "Vaihingen, geotiff",
    root: "vaihingen",
    kind: "geotiff",
    options: { images: "top/*.tif", labels: "*.tif", classMap: ISPRS, valScenes: "*_area11,*_area6" },
    counts: { train: 2, val: 2 },
    classes: 6,
    labels: [0, 1, 2, 5],
  },
  {
    name: "Vaihingen, folder",
    root: "vaihingen",
    kind: "folder",
    options: { images: "top/*.tif", masks: "*.tif", classMap: ISPRS },
    counts: { train: 3, val: 1 },
    classes: 6,
    labels: [0, 1, 2, 5],
  },
  {
    name: "SpaceNet 1, RGB",
    root: "spacenet/spacenet1/SN1_buildings",
    kind: "geotiff",
    options: {
      images: "train/3band/3band_*.tif",
      labels: "train/geojson/Geo_*.geojson",
      classes: "background,building",
    },
    counts: { train: 3, val: 1 },
    classes: 2,
    labels: [0],
  },
  {
    name: "SpaceNet 1, 8 bands",
    root: "spacenet/spacenet1/SN1_buildings",
    kind: "geotiff",
    options: {
      images: "train/8band/8band_*.tif",
      labels: "train/geojson/Geo_*.geojson",
      classes: "background,building",
    },
    counts: { train: 3, val: 1 },
    classes: 2,
    labels: [0],
  },
];

function open({ root, kind, options }: Layout): Promise<Dataset> {
  const path = join(DATA, root);
  if (kind === "folder") return families.folder.folder.open(path, { ...families.folder.folder.defaults, ...options });
  return families.geotiff.geotiff.open(path, { ...families.geotiff.geotiff.defaults, ...options });
}

for (const layout of LAYOUTS) {
  test(`${layout.name} loads`, { skip }, async () => {
    const dataset = await open(layout);
    const counts = Object.fromEntries(dataset.splits.map((split) => [split, dataset.samples(split).length]));
    assert.equal(dataset.classes.length, layout.classes);
    assert.deepEqual(counts, layout.counts);
    for (const split of dataset.splits) {
      const [sample] = dataset.samples(split);
      const [image, labels, hash] = await Promise.all([sample.image(), sample.labels(), sample.contentHash()]);
      assert.deepEqual([labels.width, labels.height], [image.width, image.height]);
      assert.equal(image.bands, dataset.bands.length);
      assert.match(hash, /^[0-9a-f]{64}$/);
      if (split === "train")
        assert.deepEqual(
          [...new Set(labels.data)].sort((a, b) => a - b),
          layout.labels,
        );
      if (!dataset.photo) assert.equal(dataset.statistics?.low.length, dataset.bands.length);
    }
  });
}

test("LandCover.ai's copy names one tile in all lists, which is told", { skip }, async () => {
  const dataset = await open(LAYOUTS.find(({ name }) => name === "LandCover.ai, its tiles")!);
  const found = await leaks(dataset);
  assert.equal(found.length, 2);
  assert.match(found[0], /2 of 2 images of val are in train too/);
});
