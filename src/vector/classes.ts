/** @file Names of a class raster's classes, from its own metadata, and the choice of some of them. */
import { SegError } from "../errors.js";

/** Names by class number, from the items CLASS_0, CLASS_1, ... of a GeoTIFF. */
export function classNames(metadata: ReadonlyMap<string, string>): Map<number, string> {
  const names = new Map<number, string>();
  for (const [item, name] of metadata) {
    const number = /^CLASS_(\d{1,5})$/.exec(item)?.[1];
    if (number !== undefined) names.set(Number(number), name);
  }
  return names;
}

/** The classes asked for, numbers or names; undefined: all. SegError for a word that is neither. */
export function chooseClasses(
  asked: readonly (number | string)[] | undefined,
  names: ReadonlyMap<number, string>,
): ReadonlySet<number> | undefined {
  if (asked === undefined) return undefined;
  const numbers = new Map([...names].map(([number, name]) => [name, number]));
  return new Set(asked.map((word) => numbers.get(String(word)) ?? numberOf(word, names)));
}

function numberOf(word: number | string, names: ReadonlyMap<number, string>): number {
  if (/^-?\d+$/.test(String(word))) return Number(word);
  const known = names.size > 0 ? `there are ${[...names.values()].join(", ")}` : "the raster names none";
  throw new SegError(String(word), "is no class of the raster", `give numbers or names: ${known}`);
}
