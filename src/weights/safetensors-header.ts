/**
 * @file The JSON header of a safetensors file, checked by the rules of its reference reader (safetensors/src/tensor.rs): offsets contiguous from 0,
 * no holes, no overlap, the buffer fully covered, dtype times shape equal to the byte range, no key twice.
 */
import { bytesOfType } from "./numbers.js";
import { damaged } from "./reading.js";

export interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const MOST_TENSORS = 200_000;

/** Entries and metadata of a header; nothing is trusted. */
export function parseHeader(
  bytes: Buffer,
  path: string,
): { entries: Map<string, Entry>; metadata: Record<string, string> } {
  if (bytes[0] !== 0x7b) throw damaged(path, "is no safetensors file (its header is no JSON object)");
  const text = decodeText(bytes, path);
  const value = parseJson(text, path);
  refuseTwice(text, value, path);
  const entries = new Map<string, Entry>();
  for (const [name, entry] of value) if (name !== "__metadata__") entries.set(name, checkEntry(name, entry, path));
  if (entries.size > MOST_TENSORS) throw damaged(path, `has ${entries.size} tensors (the most is ${MOST_TENSORS})`);
  return { entries, metadata: metadataOf(value.get("__metadata__"), path) };
}

function decodeText(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw damaged(path, "its header is no UTF-8", error);
  }
}

function parseJson(text: string, path: string): Map<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(text) as object)); // own keys only: __proto__ is data like any other
  } catch (error) {
    throw damaged(path, "its header is no JSON", error);
  }
}

/** JSON.parse keeps the last of two equal keys: the keys of the header and of its entries are counted in the text. */
function refuseTwice(text: string, value: ReadonlyMap<string, unknown>, path: string): void {
  let keys = value.size;
  for (const entry of value.values()) keys += Object.keys(Object(entry)).length;
  if (countKeys(text) !== keys) throw damaged(path, "its header is damaged, or names a tensor twice");
}

function countKeys(text: string): number {
  let depth = 0;
  let keys = 0;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') i = endOfString(text, i);
    else if (letter === "{" || letter === "[") depth++;
    else if (letter === "}" || letter === "]") depth--;
    else if (letter === ":" && depth <= 2) keys++;
  }
  return keys;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return text.length;
}

function checkEntry(name: string, value: unknown, path: string): Entry {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (value ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  const bytes = bytesOfType(dtype);
  if (bytes === undefined)
    throw damaged(path, `tensor ${name} has the type ${JSON.stringify(dtype)}, which is not known`);
  if (!isCounts(shape) || shape.length > 32 || !isCounts(offsets) || offsets.length !== 2)
    throw damaged(path, `tensor ${name} has a damaged entry`);
  const [begin, end] = offsets;
  const size = shape.reduce((product, extent) => checkedProduct(product, extent), bytes);
  if (end < begin || size !== end - begin) throw damaged(path, `tensor ${name} does not fill its bytes`);
  return { dtype: dtype as string, shape, begin, end };
}

/** NaN once a product leaves the safe integers, which equals no size: it would round, or wrap in 64 bits. */
const checkedProduct = (a: number, b: number): number => (Number.isSafeInteger(a * b) ? a * b : Number.NaN);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

function metadataOf(value: unknown, path: string): Record<string, string> {
  if (value === undefined) return {};
  const pairs =
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
  if (!pairs?.every(([, text]) => typeof text === "string")) throw damaged(path, "its metadata is damaged");
  return Object.assign(Object.create(null) as object, Object.fromEntries(pairs)) as Record<string, string>;
}

/** Contiguous from 0 to the end of the file. */
export function checkHeader(entries: ReadonlyMap<string, Entry>, bytes: number, path: string): void {
  const sorted = [...entries.values()].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { begin, end } of sorted) {
    if (begin !== at) throw damaged(path, "has holes or overlaps between its tensors");
    at = end;
  }
  if (at !== bytes) throw damaged(path, at > bytes ? "is cut short" : "has bytes that belong to no tensor");
}
