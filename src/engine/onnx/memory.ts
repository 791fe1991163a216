/**
 * @file How much memory a program takes, from its lowered graph alone: nothing is run. Frozen parts of the graph are constants the runtime computes
 * when it loads the model; the rest is played through in the order the runtime runs it, with its buffers, in its arena.
 */
import { BLOCKED_DOMAIN } from "../../graph/ops/blocked.js";
import { sizeOf } from "../../graph/tensor.js";
import type { ProgramMemory } from "../engine.js";
import { Arena } from "./arena.js";
import { planBuffers, type Step } from "./buffers.js";
import { inRuntimeLayout } from "./layout.js";
import type { Lowered } from "./lower.js";
import { executionOrder } from "./order.js";
import { bytesOfValue, type EmittedNode, infoOf, typeBytes, type ValueInfo } from "./shapes.js";

const INT64 = 7;

/** Memory of a program of this graph. `block`: as it was lowered for. */
export function memoryOf(lowered: Lowered, block: number): ProgramMemory {
  const infos = infosOf(lowered, block);
  const fixed = fixedValues(lowered);
  const nodes = inRuntimeLayout(withoutCopies(lowered, fixed), { infos, fixed, block });
  const sum = (names: Iterable<string>) => [...names].reduce((total, name) => total + bytesOf(infos, name), 0);
  const order = executionOrder(nodes);
  const results = new Set(lowered.results.map(({ name }) => name));
  const steps = planBuffers({ order, infos, results, scratch: (node) => scratchOf(node, infos) });
  return {
    weights: weightBytes(nodes, fixed, (name) => bytesOf(infos, name)),
    feeds: sum(lowered.feeds.map(({ name }) => name)),
    results: sum(results),
    arena: touched(steps),
  };
}

const bytesOf = (infos: ReadonlyMap<string, ValueInfo>, name: string) => {
  const info = infos.get(name);
  return info ? bytesOfValue(info) : 0;
};

/** Shape and type of every value. */
function infosOf({ feeds, stored, emitted }: Lowered, block: number): Map<string, ValueInfo> {
  const infos = new Map<string, ValueInfo>();
  const numbers = new Map<string, readonly number[]>();
  for (const { name, shape, dtype } of feeds)
    infos.set(name, { shape, bytes: dtype === "uint8" || dtype === "bool" ? 1 : 4 });
  for (const { name, type, shape, bytes } of stored) {
    infos.set(name, { shape, bytes: typeBytes(type) });
    if (type === INT64) numbers.set(name, integers(bytes()));
  }
  const surroundings = { infos, block, ints: (name: string) => numbers.get(name) };
  for (const node of emitted) {
    const found = infoOf(node, surroundings);
    for (const [i, name] of node.outputs.entries()) infos.set(name, found[i]);
  }
  return infos;
}

const integers = (bytes: Uint8Array) =>
  Array.from(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8), Number);

/** Constants, and what depends on nothing else. */
function fixedValues({ stored, emitted }: Lowered): Set<string> {
  const fixed = new Set(stored.map(({ name }) => name));
  for (const { inputs, outputs } of emitted) {
    if (inputs.every((name) => name === "" || fixed.has(name))) for (const name of outputs) fixed.add(name);
  }
  return fixed;
}

/** Nodes that are left when constants are computed and results are written by what makes them. */
function withoutCopies({ emitted, feeds }: Lowered, fixed: ReadonlySet<string>): EmittedNode[] {
  const live = emitted.filter(({ outputs }) => !fixed.has(outputs[0]));
  const given = new Set(feeds.map(({ name }) => name));
  const renamed = new Map<string, string>();
  for (const { type, inputs, outputs } of live) {
    const [name] = inputs;
    if (type === "Identity" && !given.has(name) && !renamed.has(name)) renamed.set(name, outputs[0]);
  }
  const now = (name: string) => renamed.get(name) ?? name;
  return live
    .filter(({ type, inputs, outputs }) => type !== "Identity" || renamed.get(inputs[0]) !== outputs[0])
    .map((node) => ({ ...node, inputs: node.inputs.map(now), outputs: node.outputs.map(now) }));
}

/**
 * Constants the nodes read, with the copies the runtime makes while it loads a model and keeps: of a matrix one packed for products, of filters one
 * with the norm behind them folded in and one in blocks (measured: ResNet-18 + UNet 3.1 times its weights, SAM ViT-B 1.9).
 */
function weightBytes(
  nodes: readonly EmittedNode[],
  fixed: ReadonlySet<string>,
  bytes: (name: string) => number,
): number {
  const copies = new Map<string, number>();
  for (const { type, domain, inputs } of nodes)
    for (const name of inputs.filter((input) => fixed.has(input)))
      copies.set(name, Math.max(copies.get(name) ?? 1, (domain === BLOCKED_DOMAIN ? 1 : COPIES[type]) ?? 1));
  return [...copies].reduce((sum, [name, count]) => sum + count * bytes(name), 0);
}

const COPIES: Readonly<Record<string, number | undefined>> = { Conv: 3, ConvTranspose: 2, MatMul: 2, Gemm: 2 };

/** What a node needs while it runs. */
function scratchOf(node: EmittedNode, infos: ReadonlyMap<string, ValueInfo>): number {
  const { type, domain, inputs, outputs } = node;
  if (type === "MultiHeadAttention") return inputs.reduce((sum, name) => sum + bytesOf(infos, name), 0); // turned by head
  return type === "Conv" && domain === "" ? expandedInput(node, infos.get(inputs[1]), infos.get(outputs[0])) : 0;
}

/** The input expanded for one product: whole where filters outnumber the positions (MlasConvPrepare), else in small pieces. */
function expandedInput(
  { attributes }: EmittedNode,
  filters: ValueInfo | undefined,
  output: ValueInfo | undefined,
): number {
  if (!filters || !output) return 0;
  const [count, ...kernel] = filters.shape;
  const positions = sizeOf(output.shape.slice(2));
  const isWhole = count / ((attributes.group as number | undefined) ?? 1) > positions;
  return isWhole && sizeOf(kernel.slice(1)) > 1 ? 4 * positions * sizeOf(kernel) : 0;
}

/** Bytes an arena touches over the steps. */
function touched(steps: readonly Step[]): number {
  const arena = new Arena();
  const chunks = new Map<object, ReturnType<Arena["take"]>>();
  for (const { take, scratch, give } of steps) {
    for (const buffer of take) chunks.set(buffer, arena.take(buffer.bytes));
    if (scratch > 0) arena.give(arena.take(scratch));
    for (const buffer of give) arena.give(chunks.get(buffer) as ReturnType<Arena["take"]>);
  }
  return arena.touched;
}
