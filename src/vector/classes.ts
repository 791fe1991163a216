/** @file The choice of some of a class raster's classes. */
import { SegError } from "../errors.js";

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
