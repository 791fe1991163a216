/**
 * @file The scenes of a dataset and the labels of each: one file for all, or one a scene, found by name or by patterns.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { SegError } from "../errors.js";
import { isPattern, listFiles, parsePath } from "./listing.js";
import { IMAGE_FOLDER, MASK_FOLDER, type Named, namedByPattern, namedByStem, namedInFolders } from "./naming.js";

/** Options of finding scenes; null is not given. */
export interface SceneFileOptions {
  /** Pattern of the scenes, relative to the root; null: every GeoTIFF below it. */
  readonly images: string | null;
  /** A label file, a folder of label files, or a pattern; null: the folders called `images` and `labels`. */
  readonly labels: string | null;
  readonly imageSuffix: string | null;
  readonly labelSuffix: string | null;
}

/** A scene and its labels. */
export interface SceneFile {
  /** Path below the root without extension. */
  readonly name: string;
  readonly path: string;
  readonly labels: string;
  readonly vector: boolean;
}

const SCENE = /\.(tiff?|gtiff?)$/i;
const VECTOR = /\.(geojson|json)$/i;
const LABEL = /\.(tiff?|gtiff?|png|geojson|json)$/i;

/** Scenes with labels in order of their path; scenes without are left out with a warning. */
export async function findScenes(root: string, options: SceneFileOptions, warnings: string[]): Promise<SceneFile[]> {
  const single = (await stat(root).catch(() => undefined))?.isFile() === true;
  const folder = single ? dirname(root) : root;
  const files = single ? [basename(root)] : await listFiles(root);
  const { labels } = options;
  if (labels !== null && !isPattern(labels)) {
    const path = await locateLabels(folder, labels);
    const kind = await stat(path);
    if (kind.isFile()) return oneLabelFile(folder, scenesBeside(files, folder, path, options), path);
    return byNames(folder, scenesBeside(files, folder, path, options), path, options, warnings);
  }
  if (labels !== null) {
    const found = namedByPattern(single ? await listFiles(folder) : files, labels, LABEL, options.labelSuffix ?? "");
    return matchLabels(folder, scenesByPattern(files, found, options), inFolder(folder, found), warnings);
  }
  const found = namedInFolders(files, MASK_FOLDER, LABEL, options.labelSuffix ?? "");
  if (found.length === 0)
    throw new SegError(root, "has no folder called labels", "say where the labels are: --labels FILE");
  const scenes = namedInFolders(files, IMAGE_FOLDER, SCENE, options.imageSuffix ?? "");
  return matchLabels(folder, scenes, inFolder(folder, found), warnings);
}

const inFolder = (folder: string, found: readonly Named[]): Named[] =>
  found.map(({ path, key }) => ({ path: join(folder, path), key }));

/** A path given is relative to the dataset first, then to where the program runs. */
async function locateLabels(folder: string, labels: string): Promise<string> {
  for (const path of [resolve(folder, labels), resolve(labels)]) {
    if (
      await stat(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new SegError(
    labels,
    "there are no such labels",
    "give a file or folder with --labels, or a pattern below the data",
  );
}

/** Scenes by name, without what lies in the label folder or is the label file. */
function scenesBeside(files: readonly string[], folder: string, labels: string, options: SceneFileOptions): Named[] {
  const suffix = options.imageSuffix ?? "";
  const outside = files.filter((path) => !`${resolve(folder, path)}/`.startsWith(`${labels}/`));
  if (options.images === null) return namedByStem(outside, SCENE, suffix);
  const chosen = new Set(namedByPattern(outside, options.images, SCENE, "").map(({ path }) => path));
  return namedByStem(outside, SCENE, suffix).filter(({ path }) => chosen.has(path));
}

function scenesByPattern(files: readonly string[], labels: readonly Named[], options: SceneFileOptions): Named[] {
  const taken = new Set(labels.map(({ path }) => path));
  const rest = files.filter((path) => !taken.has(path));
  return namedByPattern(rest, options.images ?? "*.{tif,tiff,TIF,TIFF}", SCENE, options.imageSuffix ?? "");
}

function oneLabelFile(folder: string, scenes: readonly Named[], path: string): SceneFile[] {
  if (scenes.length === 0) throw noScenes(folder);
  if (!LABEL.test(path)) throw new SegError(path, "is no label file", "give GeoJSON or a GeoTIFF of class indices");
  const vector = VECTOR.test(path);
  if (!vector && scenes.length > 1) {
    throw new SegError(
      path,
      `is one raster for ${scenes.length} scenes`,
      "give a folder of label rasters, one a scene",
    );
  }
  return scenes.map((scene) => sceneFile(folder, scene.path, path));
}

async function byNames(
  folder: string,
  scenes: readonly Named[],
  labels: string,
  options: SceneFileOptions,
  warnings: string[],
): Promise<SceneFile[]> {
  const found = namedByStem(await listFiles(labels), LABEL, options.labelSuffix ?? "");
  return matchLabels(folder, scenes, inFolder(labels, found), warnings);
}

function matchLabels(
  folder: string,
  scenes: readonly Named[],
  labels: readonly Named[],
  warnings: string[],
): SceneFile[] {
  if (scenes.length === 0) throw noScenes(folder);
  const byKey = new Map<string, string>();
  for (const { path, key } of labels) {
    const other = byKey.get(key);
    if (other !== undefined) throw new SegError(path, `and ${other} label the same scene`, "narrow the option labels");
    byKey.set(key, path);
  }
  const out = scenes.flatMap(({ path, key }) => {
    const label = byKey.get(key);
    return label === undefined ? [] : [sceneFile(folder, path, label)];
  });
  if (out.length === 0) {
    const example = `${scenes[0].path}, ${labels[0]?.path ?? "no label file"}`;
    const reason = `${scenes.length} scenes and ${labels.length} label files, but no two names agree (${example})`;
    throw new SegError(folder, reason, "name what differs with --image-suffix and --label-suffix, or with patterns");
  }
  const alone = scenes.length - out.length;
  if (alone > 0) warnings.push(`${folder}: ${alone} scene(s) have no labels and are left out`);
  return out;
}

const noScenes = (folder: string) =>
  new SegError(folder, "has no GeoTIFF", 'say where the scenes are: --images "PATTERN"');

function sceneFile(folder: string, path: string, labels: string): SceneFile {
  const { folders, stem } = parsePath(path);
  return { name: [...folders, stem].join("/"), path: join(folder, path), labels, vector: VECTOR.test(labels) };
}
