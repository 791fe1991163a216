/**
 * @file Finds the mask of each image below a root, and the split it belongs to. With patterns, what the wildcards stand
 * for must agree; without, the path must agree but for the folder that says `images` or `masks`.
 */
import { join } from "node:path";
import { SegError } from "../errors.js";
import { readText } from "../files.js";
import { compare, compilePattern, listFiles, parsePath } from "./listing.js";
import { cutEnd, IMAGE_FOLDER, MASK_FOLDER, type Named, namedByPattern, namedInFolders } from "./naming.js";
import type { Pair } from "./photos.js";
import { splitNamed } from "./splits.js";

/** Options of finding pairs; null is not given. */
export interface PairOptions {
  /** Pattern of the images, relative to the root: `train/*.jpg`, `**\/sat/*.png`. */
  readonly images: string | null;
  /** Pattern of the masks; its wildcards stand for the same as those of `images`, in the same order. */
  readonly masks: string | null;
  /** End of the names of images that masks lack: `_sat` of `7_sat.jpg`. */
  readonly imageSuffix: string | null;
  readonly maskSuffix: string | null;
  /** folders | lists | fraction; null: the first of them the dataset has. */
  readonly splitBy: string | null;
  /** Pattern of the list files, whose names are the splits' (default `*.txt`). */
  readonly lists: string | null;
}

const IMAGE_FILE = /\.(jpe?g|png|tiff?|webp|gif|avif)$/i;

/** Pairs in order of their image's path, paths relative to the root. Images without a mask are left out with a warning. */
export async function pairFiles(root: string, options: PairOptions, warnings: string[]): Promise<Pair[]> {
  const files = await listFiles(root);
  const masks = select(root, files, "masks", options);
  const taken = new Set(masks.map(({ path }) => path));
  const rest = files.filter((path) => !taken.has(path));
  const images = select(root, rest, "images", options);
  const byKey = uniqueKeys(root, masks);
  const matched = images.flatMap(({ path, key }) => {
    const mask = byKey.get(key);
    return mask === undefined ? [] : [{ image: path, mask, id: idOf(path, options.imageSuffix) }];
  });
  if (matched.length === 0) throw noPairs(root, images, masks);
  warnAlone(root, images.length - matched.length, masks.length - matched.length, warnings);
  return splitPairs(root, files, matched, options, warnings);
}

function select(root: string, files: readonly string[], what: "images" | "masks", options: PairOptions): Named[] {
  const pattern = options[what];
  const suffix = (what === "images" ? options.imageSuffix : options.maskSuffix) ?? "";
  const folder = what === "images" ? IMAGE_FOLDER : MASK_FOLDER;
  const found =
    pattern === null
      ? namedInFolders(files, folder, IMAGE_FILE, suffix)
      : namedByPattern(files, pattern, IMAGE_FILE, suffix);
  if (found.length > 0) return found;
  const where = pattern === null ? `a folder called ${what}` : pattern;
  throw new SegError(root, `has no ${what} (looked for ${where})`, `say where they are: --${what} "PATTERN"`);
}

function uniqueKeys(root: string, masks: readonly Named[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const { path, key } of masks) {
    const other = out.get(key);
    if (other !== undefined) {
      throw new SegError(join(root, path), `and ${other} are masks of the same image`, "narrow the option masks");
    }
    out.set(key, path);
  }
  return out;
}

/** The image's path without the extension and the folders that say split or `images`. */
function idOf(path: string, suffix: string | null): string {
  const { folders, stem } = parsePath(path);
  const kept = folders.filter((name) => !splitNamed(name) && !IMAGE_FOLDER.test(name));
  return [...kept, cutEnd(stem, suffix ?? "")].join("/");
}

function noPairs(root: string, images: readonly Named[], masks: readonly Named[]): SegError {
  const [image, mask] = [images[0].path, masks[0].path];
  const reason = `${images.length} images and ${masks.length} masks, but no two names agree (${image}, ${mask})`;
  return new SegError(root, reason, "name what differs with --image-suffix and --mask-suffix, or with patterns");
}

function warnAlone(root: string, images: number, masks: number, warnings: string[]): void {
  if (images > 0) warnings.push(`${root}: ${images} image(s) have no mask and are left out`);
  if (masks > 0) warnings.push(`${root}: ${masks} mask(s) have no image`);
}

async function splitPairs(
  root: string,
  files: readonly string[],
  pairs: readonly Pair[],
  options: PairOptions,
  warnings: string[],
): Promise<Pair[]> {
  const lists = listFilesOf(files, options.lists);
  const byFolder = pairs.map((pair) => ({ ...pair, split: folderSplit(pair.image) }));
  const has = byFolder.some(({ split }) => split === "train");
  const how =
    options.splitBy ?? (options.lists ? "lists" : has ? "folders" : lists.has("train") ? "lists" : "fraction");
  if (how === "fraction") return [...pairs];
  if (how === "lists") return listedPairs(root, lists, pairs, warnings);
  if (how !== "folders") throw new SegError(`splitBy ${how}`, "is not known", "give folders, lists or fraction");
  const out = byFolder.filter(({ split }) => split !== undefined);
  if (out.length === 0) throw new SegError(root, "has no folder called train, val or test", "give --split-by fraction");
  if (out.length < pairs.length)
    warnings.push(`${root}: ${pairs.length - out.length} pair(s) lie in no split's folder`);
  return out;
}

/** The deepest folder that says a split. */
const folderSplit = (path: string) =>
  parsePath(path)
    .folders.map(splitNamed)
    .findLast((name) => name !== undefined);

/** List files by split. */
function listFilesOf(files: readonly string[], pattern: string | null): Map<string, string> {
  const match = compilePattern(pattern ?? "*.txt");
  const lists = files.filter((path) => match(path)).map((path) => [splitNamed(parsePath(path).stem), path] as const);
  return new Map(lists.filter((item): item is ["train" | "val" | "test", string] => item[0] !== undefined));
}

/** Takes the pairs the lists name: by relative path, with or without extension, by file name or by name alone. */
async function listedPairs(
  root: string,
  lists: ReadonlyMap<string, string>,
  pairs: readonly Pair[],
  warnings: string[],
): Promise<Pair[]> {
  if (!lists.has("train"))
    throw new SegError(root, "has no list called train.txt", "say where it is with --lists PATTERN");
  const names = namesOf(pairs);
  const out: Pair[] = [];
  for (const [split, path] of [...lists].sort(([, a], [, b]) => compare(a, b))) {
    const lines = (await readText(join(root, path))).split(/\r?\n/);
    for (const [i, line] of lines.entries()) {
      if (line.trim() === "") continue;
      const pair = names.get(line.trim()) ?? names.get(line.trim().split(/[\s,]+/)[0]);
      if (!pair)
        throw new SegError(join(root, path), `line ${i + 1}: no pair is called ${line.trim()}`, "mend the list");
      out.push({ ...pair, split });
    }
  }
  const used = new Set(out.map(({ image }) => image)).size;
  if (used < pairs.length) warnings.push(`${root}: ${pairs.length - used} pair(s) are in no list`);
  return out;
}

/** Every way to name a pair; a name two pairs share names neither. */
function namesOf(pairs: readonly Pair[]): Map<string, Pair | undefined> {
  const out = new Map<string, Pair | undefined>();
  for (const pair of pairs) {
    const { folders, stem } = parsePath(pair.image);
    const name = pair.image.slice(folders.join("/").length).replace(/^\//, "");
    const ways = [pair.image, [...folders, stem].join("/"), name, stem, pair.id, parsePath(pair.id).stem];
    for (const way of new Set(ways)) out.set(way, out.has(way) && out.get(way) !== pair ? undefined : pair);
  }
  return out;
}
