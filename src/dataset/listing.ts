/**
 * @file Which files a dataset has: a sorted walk below its root, and patterns whose wildcards name what pairs two files.
 * Paths are relative to the root and use `/`.
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { SegError } from "../errors.js";

/** Files of more than this are no dataset but a disk. */
const MAX_FILES = 2_000_000;

/** All files below a folder, sorted, hidden ones left out; SegError where there is no such folder. */
export async function listFiles(root: string): Promise<string[]> {
  const out: string[] = [];
  const seen = new Set<string>();
  await walk(root, "", out, seen).catch((error: unknown) => {
    if (error instanceof SegError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "ENOENT" ? "does not exist" : code === "ENOTDIR" ? "is not a folder" : "cannot be listed";
    throw new SegError(root, reason, "give the folder of the dataset with --data", 2, { cause: error });
  });
  return out;
}

async function walk(root: string, below: string, out: string[], seen: Set<string>): Promise<void> {
  const folder = join(root, below);
  const real = await realpath(folder);
  if (seen.has(real)) return; // a link back up would never end
  seen.add(real);
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => compare(a.name, b.name))) {
    if (entry.name.startsWith(".")) continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const kind = entry.isSymbolicLink() ? await stat(join(root, path)).catch(() => undefined) : entry;
    if (kind?.isDirectory()) await walk(root, path, out, seen);
    else if (kind?.isFile()) out.push(path);
    if (out.length > MAX_FILES)
      throw new SegError(root, `holds more than ${MAX_FILES} files`, "give the dataset's own folder");
  }
}

/** Code point order, the same on every machine. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A compiled pattern: what its wildcards stand for in a path, undefined where the path does not match. */
export type Pattern = (path: string) => readonly string[] | undefined;

/** Compiles `*` (within a name), `**` (any folders), `?` and `{a,b}`; each `*` and `**` is captured, `{}` is not. */
export function compilePattern(pattern: string): Pattern {
  let source = "";
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const rest = pattern.slice(i);
    if (rest.startsWith("**/")) {
      source += "((?:[^/]+/)*)";
      i += 2;
    } else if (rest.startsWith("**")) {
      source += "(.*)";
      i++;
    } else if (pattern[i] === "*") source += "([^/]*)";
    else if (pattern[i] === "?") source += "[^/]";
    else if (pattern[i] === "{") {
      source += "(?:";
      depth++;
    } else if (pattern[i] === "}" && depth > 0) {
      source += ")";
      depth--;
    } else source += pattern[i] === "," && depth > 0 ? "|" : pattern[i].replace(/[\\^$.|+()[\]{}]/g, "\\$&");
  }
  if (depth > 0) throw new SegError(pattern, "has { without }", "close the brace");
  const expression = new RegExp(`^${source}$`);
  return (path) => expression.exec(path)?.slice(1);
}

/** Whether a word is a pattern and not a plain path. */
export const isPattern = (text: string): boolean => /[*?{]/.test(text);

/** `a/b/name.ext` in its folders, its name without the extension, and the extension in lower case without the dot. */
export function parsePath(path: string): { folders: string[]; stem: string; extension: string } {
  const folders = path.split("/");
  const name = folders.pop() ?? "";
  const dot = name.lastIndexOf(".");
  if (dot <= 0) return { folders, stem: name, extension: "" };
  return { folders, stem: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}
