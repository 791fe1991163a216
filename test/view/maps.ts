/** @file A class map with probabilities and a scene for tests of the viewer; every value is a formula of its position. */
import { join } from "node:path";
import { writeCog } from "../../src/cog/index.js";
import { type Color, writeGeoTiff } from "../../src/raster/index.js";
import { hash32 } from "../support/filler.js";
import { gridOf } from "../support/geo-files.js";

export const WIDTH = 640;
export const HEIGHT = 420;
export const NODATA = 255;

/** Names as users have them, and colours no two channels of which are alike. */
export const CLASSES: readonly { readonly name: string; readonly color: Color }[] = [
  { name: "Wälder & <Wiesen>", color: [12, 120, 60] },
  { name: "water", color: [20, 80, 200] },
  { name: "road", color: [120, 125, 130] },
  { name: "roof", color: [210, 70, 50] },
];

/** Bands of the probabilities. */
export const BANDS = [...CLASSES.map(({ name }) => `probability of ${name}`), "confidence", "margin"];

/** Side of a patch of one class. */
export const PATCH = 40;

/** The class at a pixel: patches in a pattern that repeats nowhere near, the first one without data. */
export function classAt(x: number, y: number): number {
  const [column, row] = [Math.floor(x / PATCH), Math.floor(y / PATCH)];
  return column === 0 && row === 0 ? NODATA : hash32(7, row * 64 + column) % CLASSES.length;
}

/** The stored probability, 254ths. */
export function probabilityAt(x: number, y: number, band: number): number {
  return classAt(x, y) === NODATA ? NODATA : hash32(band + 20, y * WIDTH + x) % 255;
}

/** The scene: 16 bits, three slopes. */
export const sceneAt = (x: number, y: number, band: number): number => 1000 + 5 * (band === 1 ? y : x) + 300 * band;

/** Paths of what was written. */
export interface TestMap {
  readonly map: string;
  readonly scene: string;
}

/** Writes map.tif, map.prob.tif and scene.tif into a folder. */
export async function writeTestMap(folder: string): Promise<TestMap> {
  const [map, scene] = [join(folder, "map.tif"), join(folder, "scene.tif")];
  const common = { width: WIDTH, height: HEIGHT, grid: gridOf(WIDTH, HEIGHT) };
  await writeClassMap(map, WIDTH, HEIGHT, classAt);
  const probabilities = rows(WIDTH, HEIGHT, BANDS.length, probabilityAt);
  const bandItems = BANDS.map((description) => ({ description, scale: 1 / 254 }));
  const options = { width: WIDTH, height: HEIGHT, bands: BANDS.length, dtype: "uint8", nodata: NODATA } as const;
  const place = { geoTags: common.grid.tags, bandItems, predictor: 2, photometric: "minisblack" } as const;
  await writeCog(join(folder, "map.prob.tif"), { ...options, ...place }, (writer) => writer.write(probabilities));
  const samples = Uint16Array.from(rows(WIDTH, HEIGHT, 3, sceneAt, Uint16Array));
  await writeGeoTiff(scene, { ...common, bands: 3, dtype: "uint16" }, (writer) => writer.write(samples));
  return { map, scene };
}

/** Writes a class map of any size. */
export async function writeClassMap(
  path: string,
  width: number,
  height: number,
  at: (x: number, y: number) => number,
): Promise<void> {
  const metadata = Object.fromEntries(CLASSES.map(({ name }, i) => [`CLASS_${i}`, name]));
  const colors = new Map(CLASSES.map(({ color }, i) => [i, color]));
  const options = { width, height, bands: 1, dtype: "uint8", nodata: NODATA, colors, metadata } as const;
  await writeGeoTiff(path, { ...options, grid: gridOf(width, height) }, (writer) =>
    writer.write(rows(width, height, 1, at)),
  );
}

type Samples = Uint8Array | Uint16Array;

function rows(
  width: number,
  height: number,
  bands: number,
  at: (x: number, y: number, band: number) => number,
  Type: new (length: number) => Samples = Uint8Array,
): Samples {
  const out = new Type(width * height * bands);
  for (let i = 0; i < out.length; i++) {
    const pixel = Math.floor(i / bands);
    out[i] = at(pixel % width, Math.floor(pixel / width), i % bands);
  }
  return out;
}
