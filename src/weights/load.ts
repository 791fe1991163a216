/** @file Puts a file's tensors under the names and shapes a model wants: renamed, adapted, complete, finite. */
import { SegError } from "../errors.js";
import { type Shape, sizeOf, type TensorData } from "../graph/tensor.js";
import type { StateDict, WeightFile } from "./state.js";

export interface LoadOptions {
  /** A file's key under our name; undefined drops it. */
  rename(key: string): string | undefined;
  /** Changes a tensor whose shape is not the wanted one. */
  adapt?(name: string, value: TensorData, wanted: Shape): TensorData;
  /** Accept missing and unknown names and wrong shapes, as long as anything fits. */
  readonly allowPartial?: boolean;
}

export interface Loaded {
  readonly state: StateDict;
  /** Wanted names the file does not give, or gives in another shape. */
  readonly missing: string[];
  /** Names, as renamed, nobody wants. */
  readonly unknown: string[];
}

/** Reads all wanted tensors. Rejects with SegError naming the first misfits and --allow-partial. */
export async function loadInto(
  wanted: ReadonlyMap<string, Shape>,
  file: WeightFile,
  options: LoadOptions,
): Promise<Loaded> {
  const state: StateDict = new Map();
  const { missing, unknown } = await visit(wanted, file, options, (name, value) => state.set(name, value));
  return { state, missing, unknown };
}

/** As loadInto, but keeps nothing: whether a file fits, every byte of it read and checked. */
export async function checkFits(
  wanted: ReadonlyMap<string, Shape>,
  file: WeightFile,
  options: LoadOptions,
): Promise<void> {
  await visit(wanted, file, options, () => undefined);
}

async function visit(
  wanted: ReadonlyMap<string, Shape>,
  file: WeightFile,
  options: LoadOptions,
  take: (name: string, value: TensorData) => void,
): Promise<{ missing: string[]; unknown: string[] }> {
  const keys = renamed(file, options);
  const unknown = [...keys.keys()].filter((name) => !wanted.has(name));
  const missing = [...wanted.keys()].filter((name) => !keys.has(name));
  if (!options.allowPartial) refuseMisfits(file, missing, unknown);
  let count = 0;
  for (const [name, shape] of wanted) {
    const key = keys.get(name);
    if (key === undefined) continue;
    const value = await readAs(file, key, name, shape, options);
    if (value === undefined) missing.push(name);
    else take(name, value);
    if (value !== undefined) count++;
  }
  if (count === 0 && wanted.size > 0)
    throw misfit(file.path, "holds none of the tensors wanted", "give weights of this model");
  return { missing, unknown };
}

/** Our name to the file's key; two keys of one name are an error, since either might be meant. */
function renamed(file: WeightFile, options: LoadOptions): Map<string, string> {
  const keys = new Map<string, string>();
  for (const key of file.names()) {
    if (/(^|\.)num_batches_tracked$/.test(key)) continue; // torch's counter of batch norm; nothing here reads it
    const name = options.rename(key);
    if (name === undefined) continue;
    const other = keys.get(name);
    if (other !== undefined)
      throw misfit(file.path, `its keys ${other} and ${key} both mean ${name}`, "remove one of them");
    keys.set(name, key);
  }
  return keys;
}

/** The tensor in the wanted shape, or undefined where it has another and that is allowed. */
async function readAs(
  file: WeightFile,
  key: string,
  name: string,
  wanted: Shape,
  options: LoadOptions,
): Promise<TensorData | undefined> {
  const { shape } = file.info(key);
  const fits = sameShape(shape, wanted);
  if (!fits && !options.adapt) return wrongShape(file, key, shape, wanted, options);
  const read = await file.read(key);
  if (!areFinite(read.data)) {
    throw misfit(file.path, `tensor ${key} holds NaN or infinity`, "give weights of a training that did not diverge");
  }
  if (fits) return read;
  const value = options.adapt?.(name, read, wanted) ?? read;
  const adapted = sameShape(value.shape, wanted) && value.data.length === sizeOf(wanted);
  return adapted ? value : wrongShape(file, key, shape, wanted, options);
}

/** A finite number times 0 is 0, NaN and infinity make NaN: one sum, an eighth of the time of a question for every value. */
function areFinite(data: TensorData["data"]): boolean {
  let zero = 0;
  for (let i = 0; i < data.length; i++) zero += data[i] * 0;
  return zero === 0;
}

function wrongShape(
  file: WeightFile,
  key: string,
  shape: Shape,
  wanted: Shape,
  { allowPartial }: LoadOptions,
): undefined {
  if (allowPartial) return undefined;
  const reason = `tensor ${key} is [${shape.join(", ")}], but [${wanted.join(", ")}] is wanted`;
  throw misfit(file.path, reason, "give weights of this model, or use --allow-partial");
}

function refuseMisfits(file: WeightFile, missing: readonly string[], unknown: readonly string[]): void {
  if (missing.length === 0 && unknown.length === 0) return;
  const parts = [
    ...(missing.length ? [`lacks ${listed(missing)}`] : []),
    ...(unknown.length ? [`has ${listed(unknown)}, which nothing here is called`] : []),
  ];
  throw misfit(file.path, parts.join(" and "), "give weights of this model, or use --allow-partial");
}

/** The first three names and how many more. */
function listed(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `${names.slice(0, 3).join(", ")}${more}`;
}

const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((extent, i) => extent === b[i]);

const misfit = (path: string, reason: string, remedy: string): SegError => new SegError(path, reason, remedy);
