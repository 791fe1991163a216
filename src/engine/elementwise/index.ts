/**
 * @file Elementwise graphs in one pass over memory: compiled to a WebAssembly loop, in float32, operation by operation as the graph says. For what memory
 * bounds, such as an optimizer's update: a pass an operation, and results in arrays of their own, take several times as long.
 */
import type { OpName } from "../../graph/attrs.js";
import { ancestors } from "../../graph/grad.js";
import type { Tensor } from "../../graph/tensor.js";
import * as wasm from "./wasm.js";

/** One loop: what it writes, or what it watches. */
export interface LoopPlan {
  /** Results, by the input in whose array they are written. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Values that are to be finite everywhere. */
  readonly watched: readonly Tensor[];
}

/** Loops over arrays they share. */
export interface Loops<Name extends string> {
  /** Elements of an array. */
  readonly extent: number;
  /** Arrays of the inputs of shape [extent], by name; scalars, of one element, of those of shape []. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Runs a loop over the first elements, and those up to a multiple of four; false where a watched value was not finite. */
  run(name: Name, count: number): boolean;
}

/** The part of the global WebAssembly this needs: Node's types leave it to the DOM's. */
interface WebAssemblyApi {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { m: { m: object } },
  ) => { readonly exports: { readonly f: (bytes: number) => void } };
}
const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

const PAGE = 65536;
const WATCH = 0; // address of four floats: the sum of x - x, which is 0 where all x are finite
const SCALARS = wasm.VECTOR; // address of the first scalar

/** Compiles loops over arrays of `extent` elements, a multiple of four. Operations: add, sub, mul, div, sqrt, square, numbers. */
export function compileLoops<Name extends string>(
  extent: number,
  plans: Readonly<Record<Name, LoopPlan>>,
): Loops<Name> {
  const places = placesOf(ancestors(Object.values<LoopPlan>(plans).flatMap(rootsOf)), extent);
  const end = Math.max(PAGE, ...[...places.values()].map(({ at, length }) => at + 4 * length));
  const memory = new Memory({ initial: Math.ceil(end / PAGE) });
  const values = new Map(
    [...places].map(([name, { at, length }]) => [name, new Float32Array(memory.buffer, at, length)]),
  );
  const watch = new Float32Array(memory.buffer, WATCH, 4);
  const loops = new Map(
    Object.entries<LoopPlan>(plans).map(([name, plan]) => {
      const module = new Module(wasm.loopModule(codeOf(plan, places)));
      return [name, new Instance(module, { m: { m: memory } }).exports.f];
    }),
  );
  return {
    extent,
    values,
    run(name, count) {
      loops.get(name)?.(4 * count);
      return watch.every((sum) => sum === 0);
    },
  };
}

const rootsOf = ({ outputs, watched }: LoopPlan) => [...Object.values(outputs), ...watched];

interface Place {
  readonly at: number;
  readonly length: number;
}
type Places = ReadonlyMap<string, Place>;

/** Where every input stands: scalars in the first page, arrays behind it. */
function placesOf(tensors: readonly Tensor[], extent: number): Places {
  const places = new Map<string, Place>();
  let [scalar, array] = [SCALARS, PAGE];
  for (const { op, attrs, shape } of tensors) {
    if (op !== "input") continue;
    const { name } = attrs as Tensor<"input">["attrs"];
    if (places.has(name)) continue;
    const isArray = shape.length > 0;
    places.set(name, isArray ? { at: array, length: extent } : { at: scalar, length: 1 });
    if (isArray) array += 4 * extent;
    else scalar += 4;
  }
  return places;
}

function codeOf(plan: LoopPlan, places: Places): wasm.LoopCode {
  const tensors = ancestors(rootsOf(plan));
  const vectors = new Map(tensors.map((tensor, i) => [tensor, i]));
  const read = (tensor: Tensor) => wasm.vector(vectors.get(tensor) as number);
  const [before, body]: [number[], number[]] = [[], []];
  for (const [tensor, i] of vectors)
    (tensor.shape.length ? body : before).push(...wasm.setVector(i, codeFor(tensor, tensor.inputs.map(read), places)));
  for (const [name, tensor] of Object.entries(plan.outputs))
    body.push(...wasm.store(placeOf(places, name), read(tensor)));
  const sum = tensors.length; // the vector behind those of the tensors
  for (const tensor of plan.watched) {
    const zero = wasm.operate("sub", read(tensor), read(tensor));
    body.push(...wasm.setVector(sum, wasm.operate("add", wasm.vector(sum), zero)));
  }
  return { before, body, after: wasm.storeOnce(WATCH, wasm.vector(sum)), vectors: sum + 1 };
}

function codeFor(
  { op, attrs, shape }: Tensor,
  inputs: readonly (readonly number[])[],
  places: Places,
): readonly number[] {
  if (op === "input") {
    const place = placeOf(places, (attrs as Tensor<"input">["attrs"]).name);
    return shape.length ? wasm.load(place) : wasm.loadScalar(place);
  }
  if (op === "splat") return wasm.number((attrs as Tensor<"splat">["attrs"]).value);
  if (op === "square") return wasm.operate("mul", inputs[0], inputs[0]);
  if (isArithmetic(op)) return wasm.operate(op, ...inputs);
  throw new Error(`internal: no elementwise loop for ${op}`);
}

const isArithmetic = (op: OpName): op is keyof typeof wasm.ARITHMETIC => Object.hasOwn(wasm.ARITHMETIC, op);

function placeOf(places: Places, name: string): number {
  const place = places.get(name);
  if (!place) throw new Error(`internal: an elementwise loop has no input ${name}`);
  return place.at;
}
