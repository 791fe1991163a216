/**
 * @file What a pickle stream may become here: plain data, tensors over storages, and inert markers for everything else.
 * A marker remembers the name it stands for and is never called. Rebuild functions: pytorch/pytorch, torch/_utils.py.
 */

/** A class or function a pickle names. */
export class GlobalName {
  constructor(readonly name: string) {}
}

/** The result of a call or a class we do not know. */
export class Marker {
  constructor(
    readonly name: string,
    /** Whether a tensor went into it. */
    readonly holdsTensor: boolean,
  ) {}
}

/** Memory tensors are views of: an entry of the archive. */
export class StorageRef {
  constructor(
    readonly dtype: string,
    readonly key: string,
    readonly elements: number,
  ) {}
}

/** A strided view of a storage; offset and strides in elements. Nothing is checked yet. */
export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {}
}

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export type Dict = Map<PickleValue, PickleValue>;
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tuple
  | PickleValue[]
  | Dict
  | GlobalName
  | Marker
  | StorageRef
  | TensorRef;

/** safetensors' type name by torch's storage class. */
const STORAGES: Readonly<Record<string, string>> = {
  FloatStorage: "F32",
  DoubleStorage: "F64",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/** Modules no file of weights names: code that wants to run. Everything else unknown is inert as well, but may stand in an honest file. */
const HOSTILE = /^(os|nt|posix|sys|subprocess|runpy|socket|shutil|importlib|pty|ctypes|webbrowser)\./;
const HOSTILE_BUILTIN = /^(__builtin__|builtins)\.(eval|exec|execfile|compile|open|__import__|input|breakpoint)$/;

/** Whether naming this global alone shows an attack. */
export const isHostile = (name: string): boolean => HOSTILE.test(name) || HOSTILE_BUILTIN.test(name);

/** Arguments and dimensions looked at: one long tuple given to a million calls must not cost a million times its length. */
const FEW = 32;

/** Calls `callee` with `given`: four names have a meaning, any other gives a marker. Undefined: the arguments are damaged. */
export function call(callee: PickleValue, given: PickleValue): PickleValue | undefined {
  const name = nameOf(callee);
  if (name === undefined || !(given instanceof Tuple)) return undefined;
  const known = callee instanceof GlobalName && Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
  return known ? known(given.items) : new Marker(name, given.items.slice(0, FEW).some(holdsTensor));
}

const MEANINGS: Readonly<Record<string, (items: readonly PickleValue[]) => PickleValue | undefined>> = {
  "collections.OrderedDict": (items) => (items.length === 0 ? new Map() : undefined), // its items follow by SETITEMS
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_parameter": ([data]) => data,
  "torch.Size": ([items]) => (items instanceof Tuple ? items : undefined),
};

/** The name a marker or a global stands for. */
export function nameOf(value: PickleValue): string | undefined {
  return value instanceof GlobalName || value instanceof Marker ? value.name : undefined;
}

const holdsTensor = (value: PickleValue): boolean =>
  value instanceof TensorRef || value instanceof StorageRef || (value instanceof Marker && value.holdsTensor);

/** (storage, offset, size, stride, requires_grad, hooks): a view; over a storage we do not know, a marker. */
function rebuildTensor([storage, offset, size, stride]: readonly PickleValue[]): PickleValue | undefined {
  if (storage instanceof Marker) return new Marker(storage.name, true);
  const shape = numbers(size);
  const strides = numbers(stride);
  if (!(storage instanceof StorageRef) || typeof offset !== "number" || !shape || !strides) return undefined;
  return new TensorRef(storage, offset, shape, strides);
}

function numbers(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof Tuple) || value.items.length > FEW) return undefined;
  const all = value.items.filter((item) => typeof item === "number");
  return all.length === value.items.length ? all : undefined;
}

/** A persistent id, ("storage", class, key, device, elements). Undefined: it is no storage. */
export function storageOf(id: PickleValue): PickleValue | undefined {
  if (!(id instanceof Tuple) || id.items[0] !== "storage") return undefined;
  const [, kind, key, , elements] = id.items;
  const name = nameOf(kind);
  if (name === undefined || typeof key !== "string" || typeof elements !== "number") return undefined;
  const own = name.startsWith("torch.") ? name.slice("torch.".length) : "";
  return Object.hasOwn(STORAGES, own) ? new StorageRef(STORAGES[own], key, elements) : new Marker(name, true);
}
