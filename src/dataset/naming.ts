/** @file The names by which files find each other: what wildcards stand for, or the path but for the folder of their kind. */
import { compilePattern, parsePath } from "./listing.js";

export const IMAGE_FOLDER = /^(images?|imgs?|jpe?gimages|photos?|scenes?)([_-](png|jpg|jpeg|tif|rgb))?$/i;
export const MASK_FOLDER =
  /^(masks?|labels?|gt|annotations?|annots?|ground_?truth|segmentationclass)([_-](png|tif|raw|json|geojson))?$/i;

/** A file and what it must share with its partner. */
export interface Named {
  readonly path: string;
  readonly key: string;
}

/** Files of a sort that lie in a folder called as `folder` says; the key is the path without folder name and suffix. */
export function namedInFolders(files: readonly string[], folder: RegExp, sort: RegExp, suffix: string): Named[] {
  return files.flatMap((path) => {
    const { folders, stem } = parsePath(path);
    const at = folders.findLastIndex((name) => folder.test(name));
    if (at < 0 || !sort.test(path) || !stem.endsWith(suffix)) return [];
    return [{ path, key: [...folders.toSpliced(at, 1, "*"), cutEnd(stem, suffix)].join("/") }];
  });
}

/** Files of a sort that match a pattern; the key is what its wildcards stand for. */
export function namedByPattern(files: readonly string[], pattern: string, sort: RegExp, suffix: string): Named[] {
  const match = compilePattern(pattern);
  return files.flatMap((path) => {
    const parts = sort.test(path) ? match(path) : undefined;
    if (!parts || !parsePath(path).stem.endsWith(suffix)) return [];
    // a trailing `*` may have taken the extension or the suffix along
    return [{ path, key: parts.map((part) => cutEnd(part.replace(sort, ""), suffix)).join("\0") }];
  });
}

/** Files of a sort by their name alone. */
export function namedByStem(files: readonly string[], sort: RegExp, suffix: string): Named[] {
  return files.flatMap((path) => {
    const { stem } = parsePath(path);
    return sort.test(path) && stem.endsWith(suffix) ? [{ path, key: cutEnd(stem, suffix) }] : [];
  });
}

/** A text without this end. */
export const cutEnd = (text: string, end: string): string =>
  end !== "" && text.endsWith(end) ? text.slice(0, -end.length) : text;
