/** @file Mutators that know a format, so that damage gets past the first check: text by its tokens, PNG with right checksums, TIFF by its tags. */
import { crc32 } from "node:zlib";
import { generator } from "../../src/random.js";
import { mutants } from "../support/mutate.js";

/** Makes `count` damaged copies from a seed. */
export type Mutator = (bytes: Buffer, count: number, seed: number) => Iterable<Buffer>;

/** What a token of a text is replaced by. */
const WORDS = [
  ...["", "0", "-1", "1e999", "NaN", "null", "true", "[]", "{}", "[[[[[[", '"', "'", ",", ":", "\n", "\u0000", "é"],
  ...[
    "9007199254740993",
    "4294967296",
    "__proto__",
    "constructor",
    "../../../etc/passwd",
    "/etc/passwd",
    "\\",
    "&a *a",
  ],
  ...["!!js/function x", "- ", "? ", "%", "\t", "x".repeat(5000), "[".repeat(3000), '{"a":'.repeat(3000), "#ffffff"],
];

/** Words, numbers and punctuation are replaced, left out, written twice; lines are repeated or dropped. */
export function* textMutants(bytes: Buffer, count: number, seed: number): Generator<Buffer> {
  const random = generator(seed, "text");
  const tokens = bytes.toString("utf8").match(/\w+|\s+|[^\w\s]/g) ?? [];
  for (let i = 0; i < count; i++) {
    const copy = [...tokens];
    for (let changes = 1 + random.integer(3); changes > 0; changes--) {
      const at = random.integer(copy.length);
      const kind = random.integer(5);
      if (kind === 0) copy.splice(at, 1);
      else if (kind === 1) copy.splice(at, 0, ...copy.slice(at, at + 1 + random.integer(20)));
      else if (kind === 2) copy.splice(at, 1 + random.integer(20));
      else copy[at] = WORDS[random.integer(WORDS.length)];
    }
    yield Buffer.from(copy.join(""));
  }
}

/** What a value is replaced by, whatever it was. */
const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    "",
    "x",
    "../../x",
    "__proto__",
    -1,
    0,
    1,
    2.5,
    1e308,
    2 ** 31,
    2 ** 53,
    [],
    [[]],
    {},
    [null],
    [-1, 2],
  ],
  ...[{ a: 1 }, [1, 2, 3, 4, 5, 6, 7, 8, 9], "é\n\u0000", Array(300).fill("a"), [0.5], ["a"], [1e9], 255, 65536],
];

/** Values within a JSON or YAML document are replaced, left out or added, so that the text stays well-formed. */
export const valueMutants = (read: (text: string) => unknown, print: (value: unknown) => string): Mutator =>
  function* (bytes, count, seed) {
    const random = generator(seed, "values");
    const pick = <T>(items: readonly T[]): T => items[random.integer(items.length)];
    for (let i = 0; i < count; i++) {
      const root = read(bytes.toString("utf8"));
      for (let changes = 1 + random.integer(2); changes > 0; changes--) {
        const found = places(root);
        if (found.length === 0) break; // the changes before left nothing
        const [parent, key] = pick(found);
        const kind = random.integer(6);
        if (kind === 0 && Array.isArray(parent)) parent.splice(Number(key), 1);
        else if (kind === 0) delete parent[key];
        else if (kind === 1) parent[Array.isArray(parent) ? parent.length : "extra"] = structuredClone(pick(VALUES));
        else parent[key] = structuredClone(pick(VALUES));
      }
      yield Buffer.from(print(root));
    }
  };

type Container = Record<string | number, unknown>;

/** Every [container, key] of a document. */
function places(value: unknown): [Container, string][] {
  if (typeof value !== "object" || value === null) return [];
  const own = Object.keys(value).map((key): [Container, string] => [value as Container, key]);
  return [...own, ...Object.values(value).flatMap(places)];
}

/** Damage within a PNG's chunks, each with its right CRC again. */
export function* pngMutants(bytes: Buffer, count: number, seed: number): Generator<Buffer> {
  for (const mutant of mutants(bytes, count, seed)) {
    let at = 8;
    while (at + 12 <= mutant.length) {
      const length = mutant.readUInt32BE(at);
      if (at + 12 + length > mutant.length) break;
      mutant.writeUInt32BE(crc32(mutant.subarray(at + 4, at + 8 + length)), at + 8 + length);
      at += 12 + length;
    }
    yield mutant;
  }
}

const COUNTS = [0, 1, 2, 3, 8, 255, 65535, 2 ** 31 - 1, 2 ** 32 - 1];

/** Damage in a directory of a TIFF, classic or big, of either byte order: tag, type, count or value of an entry; every tenth directory names itself as the next. */
export function* tiffMutants(bytes: Buffer, count: number, seed: number): Generator<Buffer> {
  const random = generator(seed, "tiff");
  const starts = directoriesOf(bytes);
  for (let i = 0; i < count; i++) {
    const copy = Buffer.from(bytes);
    const form = formOf(copy);
    const start = starts[random.integer(starts.length)];
    const entries = form.get(start, form.countBytes);
    for (let changes = 1 + random.integer(2); changes > 0; changes--) {
      const at = start + form.countBytes + form.entryBytes * random.integer(entries);
      const field = random.integer(4);
      if (field === 0) form.set(256 + random.integer(90), at, 2);
      if (field === 1) form.set(random.integer(20), at + 2, 2);
      const value = COUNTS[random.integer(COUNTS.length)];
      if (field >= 2) form.set(value, at + (field === 2 ? 4 : 4 + form.word), form.word);
    }
    if (i % 10 === 0) form.set(start, start + form.countBytes + form.entryBytes * entries, form.word);
    yield copy;
  }
}

/** Numbers of a TIFF in its byte order, and the sizes of its directories' parts. */
function formOf(bytes: Buffer) {
  const [little, big] = [bytes[0] === 0x49, bytes[2] + bytes[3] === 43];
  const get = (at: number, size: number): number => {
    if (size === 8) return Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
    return little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
  };
  const set = (value: number, at: number, size: number): void => {
    if (size === 8 && little) bytes.writeBigUInt64LE(BigInt(value), at);
    else if (size === 8) bytes.writeBigUInt64BE(BigInt(value), at);
    else if (little) bytes.writeUIntLE(value, at, size);
    else bytes.writeUIntBE(value, at, size);
  };
  return { get, set, big, ...(big ? BIG : CLASSIC) };
}

const CLASSIC = { countBytes: 2, entryBytes: 12, word: 4 };
const BIG = { countBytes: 8, entryBytes: 20, word: 8 };

function directoriesOf(bytes: Buffer): number[] {
  const { get, big, countBytes, entryBytes, word } = formOf(bytes);
  const out: number[] = [];
  for (let at = get(big ? 8 : 4, word); at !== 0; ) {
    out.push(at);
    at = get(at + countBytes + entryBytes * get(at, countBytes), word);
  }
  return out;
}

/** One after the other from several mutators, the count shared out. */
export const mixed = (...mutators: readonly Mutator[]): Mutator =>
  function* (bytes, count, seed) {
    for (const [i, mutate] of mutators.entries()) yield* mutate(bytes, Math.ceil(count / mutators.length), seed + i);
  };

/** Bits, bytes and cuts. */
export const byteMutants: Mutator = mutants;
