/**
 * @file Checkpoints torch.save writes since 1.6 (pytorch/pytorch, torch/serialization.py): a zip with `data.pkl` and one entry a storage.
 * Nothing is run. The state dict is found behind the usual wrappers; views of any stride become contiguous.
 */
import { SegError } from "../errors.js";
import type { TensorData } from "../graph/tensor.js";
import { bytesOfType } from "./numbers.js";
import { readPickle } from "./pickle.js";
import { type Dict, GlobalName, Marker, type PickleValue, TensorRef } from "./pickle-values.js";
import { closeOnError, damaged, openRanges } from "./reading.js";
import type { WeightFile } from "./state.js";
import { checkView, gather } from "./strided.js";
import { openZip, type Zip } from "./zip.js";

/** What to do with a file only torch itself can read. */
export const CONVERSION =
  "convert it where torch is installed: python -c \"import sys, torch; torch.save(torch.load(sys.argv[1], map_location='cpu', weights_only=True), sys.argv[2])\" OLD NEW";

const LARGEST_PICKLE = 2 ** 26;
const MOST_TENSORS = 200_000;
const MOST_WRAPPERS = 4;
/** Keys training programs put a state dict behind (Lightning, Meta's SAM 2, DistributedDataParallel). */
const WRAPPERS = ["state_dict", "model", "module"];

/** Opens a checkpoint and checks every tensor's place. Rejects with SegError naming what is wrong. */
export async function openTorchCheckpoint(path: string): Promise<WeightFile> {
  const file = await openRanges(path);
  return closeOnError(file, async () => {
    const zip = await openZip(file);
    const folder = await checkArchive(zip, path);
    const pickle = await zip.read(`${folder}/data.pkl`);
    const root = readPickle(pickle, (reason) => new SegError(path, reason, CONVERSION));
    const found = collect(findState(root, path));
    if (found.tensors.size + found.opaque.size === 0)
      throw new SegError(path, "holds no state dict (no named tensors)", CONVERSION);
    if (found.tensors.size > MOST_TENSORS) throw damaged(path, `has ${found.tensors.size} tensors`);
    for (const [name, tensor] of found.tensors) checkTensor(zip, folder, name, tensor, path);
    return weightFile(path, file.close, found, storageReader(zip, folder));
  });
}

/** One top folder with data.pkl, little-endian, no TorchScript. Resolves to the folder's name. */
async function checkArchive(zip: Zip, path: string): Promise<string> {
  const folders = new Set([...zip.entries.keys()].map((name) => name.split("/", 1)[0]));
  const [folder] = folders;
  const pickle = zip.entries.get(`${folder}/data.pkl`);
  if (folders.size !== 1 || !pickle)
    throw damaged(path, "is a zip archive, but no checkpoint of torch (no data.pkl in one top folder)");
  if (pickle.bytes > LARGEST_PICKLE) throw damaged(path, "its data.pkl is larger than 64 MiB");
  if (zip.entries.has(`${folder}/constants.pkl`)) {
    throw new SegError(
      path,
      "is a TorchScript program",
      "save the state_dict() of the model instead: torch.save(model.state_dict(), FILE)",
    );
  }
  const order = zip.entries.get(`${folder}/byteorder`);
  if (order && (order.bytes !== 6 || (await zip.read(order.name)).toString() !== "little")) {
    throw new SegError(path, "was written on a big-endian machine", CONVERSION);
  }
  return folder;
}

/** Unwraps {"state_dict": ...} and the like. */
function findState(root: PickleValue, path: string): Dict {
  let value = root;
  for (let i = 0; i <= MOST_WRAPPERS; i++) {
    if (!(value instanceof Map)) break;
    const key: string | undefined = WRAPPERS.find((name) => isWrapped((value as Dict).get(name)));
    if (key === undefined) return value;
    value = value.get(key) as PickleValue;
  }
  if (value instanceof Marker || value instanceof GlobalName) {
    const remedy = "save its state dict instead: torch.save(model.state_dict(), FILE)";
    throw new SegError(path, `holds an object of ${value.name}, not a state dict`, remedy);
  }
  throw new SegError(path, "holds no state dict (no named tensors)", CONVERSION);
}

const isWrapped = (value: PickleValue | undefined): boolean => value instanceof Map || value instanceof Marker;

interface Collected {
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Names whose tensor depends on something unknown, with what that is. */
  readonly opaque: ReadonlyMap<string, string>;
}

/** Tensors by name; other values of a state dict (counters, versions) say nothing. */
function collect(state: Dict): Collected {
  const tensors = new Map<string, TensorRef>();
  const opaque = new Map<string, string>();
  for (const [name, value] of state) {
    if (typeof name !== "string") continue;
    if (value instanceof TensorRef) tensors.set(name, value);
    else if (value instanceof Marker && value.holdsTensor) opaque.set(name, value.name);
  }
  return { tensors, opaque };
}

function checkTensor(zip: Zip, folder: string, name: string, tensor: TensorRef, path: string): void {
  const { dtype, key, elements } = tensor.storage;
  const entry = zip.entries.get(`${folder}/data/${key}`);
  if (!entry) throw damaged(path, `the storage of tensor ${name} is missing`);
  if (!Number.isSafeInteger(elements) || elements * (bytesOfType(dtype) as number) !== entry.bytes) {
    throw damaged(path, `the storage of tensor ${name} has another size than it says`);
  }
  const reason = checkView(tensor);
  if (reason) throw damaged(path, `tensor ${name} ${reason}`);
}

type ReadStorage = (key: string) => Promise<Buffer>;

/** Keeps the storage read last: tensors that share one lie side by side. */
function storageReader(zip: Zip, folder: string): ReadStorage {
  let last: { key: string; bytes: Promise<Buffer> } | undefined;
  return (key) => {
    if (last?.key !== key) last = { key, bytes: zip.read(`${folder}/data/${key}`) };
    return last.bytes;
  };
}

function weightFile(path: string, close: () => Promise<void>, found: Collected, readStorage: ReadStorage): WeightFile {
  const tensor = (name: string): TensorRef => {
    const value = found.tensors.get(name);
    if (value) return value;
    const needs = found.opaque.get(name);
    if (needs === undefined) throw damaged(path, `has no tensor ${name}`);
    throw new SegError(path, `tensor ${name} needs ${needs}, which is not run here`, "save it as a plain tensor");
  };
  return {
    path,
    metadata: {},
    names: () => [...found.tensors.keys(), ...found.opaque.keys()],
    info: (name) => ({ dtype: tensor(name).storage.dtype, shape: tensor(name).shape }),
    async read(name): Promise<TensorData> {
      const view = tensor(name);
      return { data: gather(await readStorage(view.storage.key), view), shape: view.shape };
    },
    close,
  };
}
