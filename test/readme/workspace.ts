/** @file The folder the README's commands are run in: photos with masks, a scene with polygons, weights, a grid of experiments. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import proj4 from "proj4";
import sharp from "sharp";
import { paintTown } from "../../src/demo/town.js";
import { makeGrid, writeGeoTiff, writeIndexedPng } from "../../src/raster/index.js";
import { defineModel } from "../../src/model.js";
import { initialise } from "../../src/scope.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";

/** Names of the photos; the README's library example opens `one`. */
const PHOTOS = ["one", "two", "three", "four", "five", "six"];
const [LEFT, TOP, PIXEL] = [400000, 5300000, 0.5];

/** Fills `folder`. */
export async function fillWorkspace(folder: string): Promise<void> {
  await writePhotos(join(folder, "photos"));
  await writeTown(folder);
  await writeWeights(folder);
  await mkdir(join(folder, "experiments"));
  const base = {
    encoder: "resnet-test",
    decoder: "unet",
    dataset: "folder",
    data: "photos",
    encoderWeights: "none",
    steps: 2,
    size: 32,
  };
  const grid = { question: "Does the decoder matter?", base, vary: { decoder: ["unet", "fpn"] } };
  await writeFile(
    join(folder, "experiments", "tiny.yaml"),
    JSON.stringify({ ...grid, base: { ...base, datasetOptions: { classes: "background,leaf" } } }),
  );
}

async function writePhotos(folder: string): Promise<void> {
  await mkdir(join(folder, "images"), { recursive: true });
  await mkdir(join(folder, "masks"));
  for (const [i, name] of PHOTOS.entries()) {
    const { image, labels } = paintTown(10 + i, 64);
    const raw = { width: 64, height: 64, channels: 3 } as const;
    await sharp(image.data, { raw })
      .jpeg({ quality: 95 })
      .toFile(join(folder, "images", `${name}.jpg`));
    const mask = { ...labels, data: labels.data.map((label) => (label === 0 ? 0 : 1)) };
    await writeIndexedPng(join(folder, "masks", `${name}.png`), mask, [
      [0, 0, 0],
      [0, 200, 0],
    ]);
  }
}

/** town.tif in UTM 33N and buildings.geojson in WGS84. */
async function writeTown(folder: string): Promise<void> {
  const side = 768;
  const { image } = paintTown(3, side);
  const grid = makeGrid(side, side, [LEFT, PIXEL, 0, TOP, 0, -PIXEL], 32633);
  const shape = { width: side, height: side, bands: 3, dtype: "uint8", grid } as const;
  await writeGeoTiff(join(folder, "town.tif"), shape, (writer) => writer.write(image.data));
  const toDegrees = (x: number, y: number) =>
    proj4("+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs", "WGS84", [LEFT + PIXEL * x, TOP - PIXEL * y]);
  const features = Array.from({ length: 36 }, (_, i) => {
    const [x, y] = [(i % 6) * 128 + 30, Math.floor(i / 6) * 128 + 40];
    const ring = [
      [x, y],
      [x + 30, y],
      [x + 30, y + 20],
      [x, y + 20],
      [x, y],
    ];
    const coordinates = [ring.map(([column, row]) => toDegrees(column, row))];
    return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates } };
  });
  await writeFile(join(folder, "buildings.geojson"), JSON.stringify({ type: "FeatureCollection", features }));
}

/** Weights of the tiny SAM with names as in Meta's file. */
async function writeWeights(folder: string): Promise<void> {
  const slots = defineModel({ encoder: "sam-vit-test", decoder: "unet", classes: 2 }).slots();
  const state = [...initialise(slots, 0)].filter(([name]) => name.startsWith("encoder."));
  const renamed = new Map(state.map(([name, value]) => [`image_encoder.${name.slice("encoder.".length)}`, value]));
  await writeSafetensors(join(folder, "sam.safetensors"), renamed, {});
}
