/**
 * @file Which split a sample belongs to: told by a folder's name, by list files, or by a share drawn from a hash of its
 * name, so that it stays where it is when other samples come or go.
 */
import { SegError } from "../errors.js";
import { sha256 } from "../files.js";
import { compare } from "./listing.js";

export const SPLITS = ["train", "val", "test"] as const;

const NAMES: readonly (readonly [(typeof SPLITS)[number], RegExp])[] = [
  ["train", /^(train|training)([ _-]?(data|set|images?|masks?))?$/i],
  ["val", /^(val|valid|validation)([ _-]?(data|set|images?|masks?))?$/i],
  ["test", /^(test|testing)([ _-]?(data|set|images?|masks?))?$/i],
];

/** The split a folder or list file is called by (`Train`, `training_data`, `valid`, ...); undefined for other names. */
export function splitNamed(name: string): (typeof SPLITS)[number] | undefined {
  return NAMES.find(([, pattern]) => pattern.test(name))?.[0];
}

/** Position 0..1 of a name, even over many names. */
export function drawOf(name: string, seed: number): number {
  return Number.parseInt(sha256(`${seed}:${name}`).slice(0, 12), 16) / 2 ** 48;
}

/**
 * Names held out for validation: those whose draw is below `fraction`. Where that would leave either side empty, the name
 * with the smallest (largest) draw goes over. With fraction 0 none is.
 */
export function holdOut(names: readonly string[], fraction: number, seed: number): Set<string> {
  checkFraction(fraction);
  const drawn = inDrawnOrder(names, seed);
  return firstOf(drawn, fraction, drawn.filter(({ draw }) => draw < fraction).length);
}

/** As `holdOut`, but exactly the share asked for, rounded: for parts whose number never changes, as the blocks of a scene. */
export function holdOutShare(names: readonly string[], fraction: number, seed: number): Set<string> {
  checkFraction(fraction);
  return firstOf(inDrawnOrder(names, seed), fraction, Math.round(fraction * names.length));
}

interface Drawn {
  readonly name: string;
  readonly draw: number;
}

function inDrawnOrder(names: readonly string[], seed: number): Drawn[] {
  const drawn = names.map((name) => ({ name, draw: drawOf(name, seed) }));
  return drawn.sort((a, b) => a.draw - b.draw || compare(a.name, b.name));
}

function firstOf(drawn: readonly Drawn[], fraction: number, wanted: number): Set<string> {
  if (fraction === 0 || drawn.length < 2) return new Set();
  const count = Math.min(Math.max(wanted, 1), drawn.length - 1);
  return new Set(drawn.slice(0, count).map(({ name }) => name));
}

function checkFraction(fraction: number): void {
  if (typeof fraction === "number" && fraction >= 0 && fraction < 1) return;
  throw new SegError(`valFraction ${fraction}`, "is not a share", "give a number from 0 to below 1, e.g. 0.2");
}

/** Splits that have samples, in the order train, val, test, then others by name. */
export function orderSplits(names: Iterable<string>): string[] {
  const rank = (name: string) => (SPLITS as readonly string[]).indexOf(name) + 1 || SPLITS.length + 1;
  return [...new Set(names)].sort((a, b) => rank(a) - rank(b) || compare(a, b));
}
