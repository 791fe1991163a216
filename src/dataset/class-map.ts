/**
 * @file The class map: which class a pixel value, an RGB colour or an attribute's text stands for.
 * Forms: `0=background,255=building`, `#ff0000=building,#000000=ignore`, or an object {key: class} (YAML). A class is a name,
 * an index, or `ignore`.
 */
import { IGNORE } from "../contract.js";
import { SegError } from "../errors.js";
import { unknownName } from "../registry.js";
import { countedClasses, type NamedClass, parseColor } from "./classes.js";

/** Keys as written, with what they stand for: a name, an index, or `ignore`. */
export type ClassMap = ReadonlyMap<string, string | number>;

/** Reads the option classMap; undefined where it is not given. */
export function parseClassMap(value: unknown): ClassMap | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  const map = new Map<string, string | number>();
  for (const [key, target] of entriesOf(value)) {
    if (key === "" || target === "")
      throw new SegError("classMap", `"${key}=${target}" lacks a side`, "write KEY=CLASS");
    if (map.has(key)) throw new SegError("classMap", `${key} is mapped twice`, "map each value once");
    map.set(key, /^\d+$/.test(target) ? Number(target) : target);
  }
  return map;
}

function entriesOf(value: unknown): [string, string][] {
  if (typeof value === "string") {
    return value.split(",").map((item) => {
      const cut = item.indexOf("=");
      return cut < 0 ? [item.trim(), ""] : [item.slice(0, cut).trim(), item.slice(cut + 1).trim()];
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).map(([key, target]) => [key.trim(), String(target).trim()]);
  }
  throw new SegError("classMap", `${JSON.stringify(value)} is no map`, "write 0=background,255=building");
}

/** The classes a map names when nothing else does: names in the order they appear, or as many as its largest index needs. */
export function classesOfMap(map: ClassMap): NamedClass[] {
  const targets = [...map.values()].filter((target) => target !== "ignore");
  const names = targets.filter((target) => typeof target === "string");
  if (names.length > 0) return [...new Set(names)].map((name) => ({ name, ...colorOf(map, name) }));
  if (targets.length === 0) throw new SegError("classMap", "names no class", "map a value to a name");
  return countedClasses(Math.max(...targets.map(Number)) + 1, "classMap");
}

/** The colour mapped to a class is also what it is drawn in; the first where there are several. */
function colorOf(map: ClassMap, name: string) {
  const key = [...map].find(([key, target]) => target === name && key.startsWith("#"))?.[0];
  return key === undefined ? {} : { color: parseColor(key) };
}

/** Class index of each key; IGNORE for `ignore`. SegError for a class that is not among `classes`. */
export function resolveClassMap(map: ClassMap, classes: readonly { readonly name: string }[]): Map<string, number> {
  const names = classes.map(({ name }) => name);
  const out = new Map<string, number>();
  for (const [key, target] of map) out.set(key, target === "ignore" ? IGNORE : indexOf(target, names));
  return out;
}

function indexOf(target: string | number, names: readonly string[]): number {
  const index = names.indexOf(String(target));
  if (index >= 0) return index;
  if (typeof target === "string") throw unknownName("class in classMap", target, names);
  if (target < names.length) return target;
  throw new SegError("classMap", `there is no class ${target}`, `indices go to ${names.length - 1}`);
}

/** The pixel values and colours (r * 65536 + g * 256 + b) of a resolved map. SegError for keys that are neither. */
export function splitKeys(map: ReadonlyMap<string, number>): {
  values: Map<number, number>;
  colors: Map<number, number>;
} {
  const values = new Map<number, number>();
  const colors = new Map<number, number>();
  for (const [key, index] of map) {
    if (/^\d+$/.test(key)) values.set(Number(key), index);
    else if (key.startsWith("#")) colors.set(packColor(parseColor(key)), index);
    else
      throw new SegError(
        "classMap",
        `${key} is neither a pixel value nor a colour`,
        "write 255=building or #ff0000=building",
      );
  }
  return { values, colors };
}

/** A colour as one number. */
export const packColor = ([red, green, blue]: readonly [number, number, number]): number =>
  red * 65536 + green * 256 + blue;
