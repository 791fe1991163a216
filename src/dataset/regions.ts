/**
 * @file Which parts of scenes are trained on and which are held out, and the windows of each part. Parts do not overlap,
 * so no window of one split shares a pixel with another's. Units: pixels.
 */
import { SegError } from "../errors.js";
import { type Window, windowGrid } from "../raster/index.js";
import { compilePattern, parsePath } from "./listing.js";
import { holdOut, holdOutShare, splitNamed } from "./splits.js";

/** Options of splitting scenes; null is not given. */
export interface RegionOptions {
  /** Side of a window. */
  readonly size: number;
  /** Pixels neighbouring training windows share. */
  readonly overlap: number;
  /** folders | scenes | blocks; null: folders called train and val, else scenes where there are several, else blocks. */
  readonly splitBy: string | null;
  readonly valFraction: number;
  readonly splitSeed: number;
  /** Scenes held out, by name or pattern, separated by commas. */
  readonly valScenes: string | readonly string[] | null;
  readonly testScenes: string | readonly string[] | null;
}

interface SceneSize {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** A window of a scene and the split it is for. */
export interface Placed<S> {
  readonly scene: S;
  readonly split: string;
  readonly window: Window;
}

/** All windows: scene after scene, part after part, row after row. */
export function placeWindows<S extends SceneSize>(
  scenes: readonly S[],
  options: RegionOptions,
  warnings: string[],
): Placed<S>[] {
  const { size, overlap } = options;
  if (!(Number.isInteger(size) && size >= 8))
    throw new SegError(`size ${size}`, "is no window", "give a whole number from 8 on");
  if (!(Number.isInteger(overlap) && overlap >= 0 && overlap <= size / 2)) {
    throw new SegError(
      `overlap ${overlap}`,
      "is not between 0 and half the size",
      `give at most ${Math.floor(size / 2)}`,
    );
  }
  return partsOf(scenes, options, warnings).flatMap(({ scene, split, window: part }) => {
    const grid = windowGrid(part.width, part.height, size, split === "train" ? overlap : 0);
    return grid.windows.map((window) => ({
      scene,
      split,
      window: { ...window, x: window.x + part.x, y: window.y + part.y },
    }));
  });
}

function partsOf<S extends SceneSize>(scenes: readonly S[], options: RegionOptions, warnings: string[]): Placed<S>[] {
  const folders = scenes.map(({ name }) =>
    parsePath(name)
      .folders.map(splitNamed)
      .findLast((split) => split !== undefined),
  );
  const named = folders.includes("train") && folders.includes("val");
  const listed = options.valScenes !== null || options.testScenes !== null;
  const how = options.splitBy ?? (listed ? "scenes" : named ? "folders" : scenes.length > 1 ? "scenes" : "blocks");
  const whole = (split: string, scene: S) => ({
    scene,
    split,
    window: { x: 0, y: 0, width: scene.width, height: scene.height },
  });
  if (how === "scenes") return wholeScenes(scenes, options).map(({ scene, split }) => whole(split, scene));
  if (how === "blocks") return blockParts(scenes, options, warnings);
  if (how !== "folders") throw new SegError(`splitBy ${how}`, "is not known", "give scenes, blocks or folders");
  return scenes.flatMap((scene, i) => (folders[i] === undefined ? [] : [whole(folders[i], scene)]));
}

function wholeScenes<S extends SceneSize>(scenes: readonly S[], options: RegionOptions): { scene: S; split: string }[] {
  const test = chosen(scenes, options.testScenes, "testScenes");
  const rest = scenes.map(({ name }) => name).filter((name) => !test.has(name));
  const val =
    options.valScenes === null
      ? holdOut(rest, options.valFraction, options.splitSeed)
      : chosen(scenes, options.valScenes, "valScenes");
  return scenes.map((scene) => ({
    scene,
    split: test.has(scene.name) ? "test" : val.has(scene.name) ? "val" : "train",
  }));
}

function chosen(scenes: readonly SceneSize[], option: string | readonly string[] | null, flag: string): Set<string> {
  const wanted = typeof option === "string" ? option.split(",") : (option ?? []);
  const out = new Set<string>();
  for (const word of wanted.map((item) => String(item).trim())) {
    const match = compilePattern(word);
    const found = scenes.filter(
      ({ name }) => match(name) || match(parsePath(name).stem) || match(`${parsePath(name).stem}.tif`),
    );
    if (found.length === 0)
      throw new SegError(`${flag} ${word}`, "no scene is called this", "check the names of the scenes");
    for (const { name } of found) out.add(name);
  }
  return out;
}

function blockParts<S extends SceneSize>(
  scenes: readonly S[],
  options: RegionOptions,
  warnings: string[],
): Placed<S>[] {
  const { size, valFraction, splitSeed } = options;
  const cut = (side: number) => scenes.flatMap((scene) => blocksOf(scene, side).map((window) => ({ scene, window })));
  const enough = 2 / Math.max(valFraction, 0.01); // so that the share held out is about the one asked for
  const windows = [4, 3, 2].find((count) => cut(size * count).length >= enough) ?? 1;
  const blocks = cut(size * windows);
  if (blocks.length === 1 && valFraction > 0) return stripParts(scenes[0], options, warnings);
  const nameOf = ({ scene, window }: (typeof blocks)[number]) => `${scene.name}@${window.x},${window.y}`;
  const held = holdOutShare(blocks.map(nameOf), valFraction, splitSeed);
  if (held.size > 0) warnings.push(`${held.size} of ${blocks.length} blocks of the scene(s) are held out as val`);
  return blocks.map((block) => ({ ...block, split: held.has(nameOf(block)) ? "val" : "train" }));
}

/** A scene in blocks of at least `side`; the last of an axis takes the remainder. */
function blocksOf({ width, height }: SceneSize, side: number): Window[] {
  const axis = (length: number) => {
    const count = Math.max(1, Math.floor(length / side));
    return Array.from({ length: count }, (_, i) => [i * side, i === count - 1 ? length - i * side : side]);
  };
  return axis(height).flatMap(([y, h]) => axis(width).map(([x, w]) => ({ x, y, width: w, height: h })));
}

/** A scene too small for two full windows: val is the end of its longer side. */
function stripParts<S extends SceneSize>(
  scene: S,
  { size, valFraction }: RegionOptions,
  warnings: string[],
): Placed<S>[] {
  const { width, height, name } = scene;
  const long = Math.max(width, height);
  const held = Math.min(Math.max(Math.round(long * valFraction), 1), long - 1);
  if (long < 2) return [{ scene, split: "train", window: { x: 0, y: 0, width, height } }];
  warnings.push(
    `${name}: is too small for two windows of ${size}; the last ${held} of ${long} pixels of its longer side are val`,
  );
  const at = long - held;
  const parts: [string, Window][] =
    width >= height
      ? [
          ["train", { x: 0, y: 0, width: at, height }],
          ["val", { x: at, y: 0, width: held, height }],
        ]
      : [
          ["train", { x: 0, y: 0, width, height: at }],
          ["val", { x: 0, y: at, width, height: held }],
        ];
  return parts.map(([split, window]) => ({ scene, split, window }));
}
