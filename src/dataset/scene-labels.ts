/**
 * @file Labels of a window of a scene, from a raster on the scene's grid or from polygons burnt into it.
 */
import { parse } from "node:path";
import { type ClassInfo, IGNORE, type LabelMap, type PixelArray, type Raster } from "../contract.js";
import { SegError } from "../errors.js";
import { type GeoRaster, type Grid, type IndexedImage, readIndexed, type Window } from "../raster/index.js";
import { type BurnShape, burn } from "./burn.js";
import { type PolygonFile, readPolygons } from "./geojson.js";
import { sameGrid } from "./grids.js";
import { toLabels } from "./masks.js";
import type { SceneFile } from "./scene-files.js";
import type { ScenePool } from "./scene-pool.js";
import { type LabelOptions, type LabelScheme, makeScheme, type NamedMask } from "./scheme.js";
import { makeVectorScheme, placeRemarks, shapesOf } from "./vector-labels.js";

/** A scene with what its header says. */
export interface Scene extends SceneFile {
  readonly width: number;
  readonly height: number;
  readonly grid: Grid;
}

/** Classes, and labels of any window. */
export interface SceneLabels {
  readonly classes: readonly ClassInfo[];
  /** Labels of a window; not yet aware of the scene's own nodata. */
  read(scene: Scene, window: Window): Promise<LabelMap>;
}

/** What the labels of scenes are made of. */
export interface LabelSource {
  readonly root: string;
  readonly scenes: readonly Scene[];
  readonly options: LabelOptions & { readonly labelAttribute: string | null };
  readonly pool: ScenePool;
  readonly warnings: string[];
}

/** Labels of scenes, rasters or vectors; SegError where scenes have both sorts. */
export async function sceneLabels(source: LabelSource): Promise<SceneLabels> {
  const vectors = source.scenes.filter(({ vector }) => vector).length;
  if (vectors === 0) return rasterLabels(source);
  if (vectors === source.scenes.length) return vectorLabels(source);
  throw new SegError(source.root, "has label rasters and GeoJSON labels", "choose one sort with the option labels");
}

async function vectorLabels({ root, scenes, options, warnings }: LabelSource): Promise<SceneLabels> {
  const files = new Map<string, PolygonFile>();
  for (const path of new Set(scenes.map(({ labels }) => labels))) files.set(path, await readPolygons(path));
  for (const { path, skipped } of files.values()) {
    if (skipped > 0) warnings.push(`${path}: ${skipped} feature(s) have no area and are left out`);
  }
  const [first] = files.keys();
  const name = files.size === 1 ? parse(first).name : "foreground";
  const scheme = await makeVectorScheme({ root, options, files: [...files.values()], name });
  const shapes = new Map<string, BurnShape[]>();
  const remarks = new Map<string, string>(); // with the first scene of each
  for (const { path, labels, grid } of scenes) {
    const file = files.get(labels)!;
    shapes.set(path, shapesOf(file, scheme, grid, path));
    for (const remark of placeRemarks(file, grid, path)) if (!remarks.has(remark)) remarks.set(remark, path);
  }
  warnings.push(...[...remarks].map(([remark, path]) => `${path}: ${remark}`));
  warnWhereEmpty(scenes, shapes, warnings);
  return {
    classes: scheme.classes,
    read: async ({ path }, window) => {
      const { width, height } = window;
      return { data: burn(shapes.get(path) ?? [], window), width, height };
    },
  };
}

function warnWhereEmpty(scenes: readonly Scene[], shapes: ReadonlyMap<string, BurnShape[]>, warnings: string[]): void {
  const empty = scenes.filter(({ path, width, height }) => {
    const inside = ({ box: [left, top, right, bottom] }: BurnShape) =>
      right > 0 && bottom > 0 && left < width && top < height;
    return !shapes.get(path)?.some(inside);
  });
  if (empty.length === 0) return;
  const remark = "no polygon lies in it, all of it is background; is its crs the labels'?";
  warnings.push(`${empty[0].path}${empty.length > 1 ? ` (and ${empty.length - 1} more)` : ""}: ${remark}`);
}

async function rasterLabels({ root, scenes, options, pool, warnings }: LabelSource): Promise<SceneLabels> {
  for (const scene of scenes) await checkGrid(scene, pool);
  const masks = () => maskStrips(scenes, pool);
  const scheme = await makeScheme({ root, options, masks, warnings });
  await warnOfNodata(scenes, scheme, pool, warnings);
  return {
    classes: scheme.classes,
    read: async ({ labels }, window) => {
      const { mask, nodata, hidden } = await readMask(labels, window, pool);
      const map = toLabels(mask, scheme, { file: labels, origin: window, nodata });
      if (hidden) for (let i = 0; i < hidden.length; i++) if (hidden[i] === 0) map.data[i] = IGNORE;
      return map;
    },
  };
}

const isTiff = (path: string) => !/\.png$/i.test(path);

async function checkGrid(scene: Scene, pool: ScenePool): Promise<void> {
  const { labels, path } = scene;
  const size = isTiff(labels)
    ? await pool.use(labels, async ({ width, height, grid }) => ({ width, height, grid }))
    : await readIndexed(labels);
  if (size.width !== scene.width || size.height !== scene.height) {
    const reason = `is ${size.width} x ${size.height} pixels, its scene ${scene.width} x ${scene.height}`;
    throw new SegError(labels, reason, "put it on the scene's grid, e.g. with gdalwarp -r near -te ... -ts ...");
  }
  const difference = "grid" in size ? sameGrid(scene.grid, size.grid) : undefined;
  if (difference)
    throw new SegError(labels, `lies elsewhere than ${path}: ${difference}`, "put it on the scene's grid");
}

/** All label pixels, in strips that fit in memory. */
async function* maskStrips(scenes: readonly Scene[], pool: ScenePool): AsyncGenerator<NamedMask> {
  for (const { labels, width, height } of scenes) {
    const rows = Math.max(1, Math.floor(2 ** 24 / width));
    for (let y = 0; y < height; y += rows) {
      const { mask, nodata, hidden } = await readMask(
        labels,
        { x: 0, y, width, height: Math.min(rows, height - y) },
        pool,
      );
      const data = mask.bands === 1 ? mask.data.filter((value, i) => value !== nodata && hidden?.[i] !== 0) : mask.data;
      yield { ...mask, data, file: labels };
    }
  }
}

interface MaskPiece {
  readonly mask: IndexedImage;
  readonly nodata?: number;
  /** 0 where an internal mask or alpha hides the pixel. */
  readonly hidden?: Uint8Array;
}

async function readMask(path: string, window: Window, pool: ScenePool): Promise<MaskPiece> {
  if (!isTiff(path)) return { mask: crop(await readIndexed(path), window) };
  return pool.use(path, async (source) => {
    const raster = await source.read(window);
    const { data, nodata } = toUnsigned(raster, source);
    const mask = { data, width: raster.width, height: raster.height, bands: raster.bands };
    const hidden = source.nodata === undefined ? raster.valid : undefined;
    return { mask: source.colorMap ? { ...mask, palette: source.colorMap } : mask, nodata, hidden };
  });
}

function crop({ data, width, bands, ...rest }: IndexedImage, window: Window): IndexedImage {
  const out =
    data instanceof Uint16Array
      ? new Uint16Array(window.width * window.height * bands)
      : new Uint8Array(window.width * window.height * bands);
  for (let row = 0; row < window.height; row++) {
    const from = ((window.y + row) * width + window.x) * bands;
    out.set(data.subarray(from, from + window.width * bands), row * window.width * bands);
  }
  return { ...rest, data: out, width: window.width, height: window.height, bands };
}

/** Stands for the nodata of signed and 32-bit labels. */
const NODATA_16 = 65535;

/** Label samples as unsigned integers. SegError for floats and for values no class index can be. */
function toUnsigned(
  { data }: Raster,
  { path, nodata }: GeoRaster,
): { data: Uint8Array | Uint16Array; nodata?: number } {
  if (data instanceof Uint8Array || data instanceof Uint16Array) return { data, nodata };
  if (data instanceof Float32Array || data instanceof Float64Array) {
    throw new SegError(
      path,
      "labels are whole numbers, this raster holds floats",
      "convert it: gdal_translate -ot Byte",
    );
  }
  const out = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value !== nodata && (value < 0 || value >= NODATA_16)) throw notAnIndex(path, value);
    out[i] = value === nodata ? NODATA_16 : value;
  }
  return { data: out, ...(nodata !== undefined && { nodata: NODATA_16 }) };
}

const notAnIndex = (path: string, value: PixelArray[number]) =>
  new SegError(path, `holds ${value}, no class index`, "declare it as nodata with gdal_edit -a_nodata, or map it");

/** A nodata value that is also a class counts as the class: masks often declare 0, their background. */
async function warnOfNodata(
  scenes: readonly Scene[],
  scheme: LabelScheme,
  pool: ScenePool,
  warnings: string[],
): Promise<void> {
  for (const { labels } of scenes.filter(({ labels }) => isTiff(labels))) {
    const nodata = await pool.use(labels, async (source) => source.nodata);
    if (nodata === undefined || nodata === scheme.ignore) continue;
    const label = scheme.values ? scheme.values.get(nodata) : nodata;
    const info = label === undefined ? undefined : scheme.classes[label];
    if (!info) continue;
    const advice = `it is read as the class ${info.name}; give ignoreIndex ${nodata} to leave it out`;
    warnings.push(`${labels}: declares nodata ${nodata}; ${advice}`);
    return;
  }
}
