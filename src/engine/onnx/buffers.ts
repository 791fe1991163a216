/**
 * @file Which buffers ONNX Runtime gives the values of a graph, node by node: views share one, elementwise ops write over an input nobody reads
 * again, a dead buffer serves the next value of its shape (and lives until that is dead). Source: microsoft/onnxruntime,
 * onnxruntime/core/framework/allocation_planner.cc, and the MayInplace and Alias of its CPU kernels.
 */
import { bytesOfValue, type EmittedNode, type ValueInfo } from "./shapes.js";

/** Memory a node asks for before it runs, memory it needs while it runs, and what is free afterwards. */
export interface Step {
  readonly take: readonly Buffer[];
  readonly scratch: number;
  readonly give: readonly Buffer[];
}

export interface Buffer {
  readonly bytes: number;
}

export interface BufferPlan {
  /** Nodes in the order they run. */
  readonly order: readonly EmittedNode[];
  readonly infos: ReadonlyMap<string, ValueInfo>;
  /** Values that are handed out. */
  readonly results: ReadonlySet<string>;
  /** Bytes a node needs for itself. */
  readonly scratch: (node: EmittedNode) => number;
}

const VIEWS = new Set(["Reshape", "Squeeze", "Unsqueeze", "Identity"]);
const OVER_FIRST = new Set(
  "Neg Exp Log Sqrt Reciprocal Relu Gelu Erf Clip Abs Cast Softmax LogSoftmax ScatterElements Sign Sigmoid Tanh".split(
    " ",
  ),
);
const OVER_EITHER = new Set(["Add", "Sub", "Mul", "Div"]);

interface Shared extends Buffer {
  readonly key: string;
  /** Reads of its values that are still to come; a result counts as one that never comes. */
  reads: number;
}

/** The steps of a graph. */
export function planBuffers({ order, infos, results, scratch }: BufferPlan): Step[] {
  const readers = new Map<string, number>();
  for (const name of [...order.flatMap(({ inputs }) => inputs), ...results])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  const planner = new Planner(infos, results, readers);
  const spans = order.map((node, at) => planner.visit(node, at));
  const gives: Buffer[][] = order.map(() => []);
  for (const [buffer, at] of planner.lastUse) gives[at]?.push(buffer);
  return order.map((node, at) => ({ take: spans[at], scratch: scratch(node), give: gives[at] }));
}

class Planner {
  /** Where a buffer is used last; results beyond the end. */
  readonly lastUse = new Map<Shared, number>();
  private readonly owners = new Map<string, Shared>();
  private readonly idle: Shared[] = [];

  constructor(
    private readonly infos: ReadonlyMap<string, ValueInfo>,
    private readonly results: ReadonlySet<string>,
    private readonly readers: ReadonlyMap<string, number>,
  ) {}

  /** Buffers a node takes anew. */
  visit(node: EmittedNode, at: number): Shared[] {
    const taken = node.outputs.flatMap((name, i) => this.place(node, name, i));
    const read = node.inputs.flatMap((name) => this.owners.get(name) ?? []);
    for (const buffer of read) this.release(buffer, at, 1);
    const unread = node.outputs.filter((name) => !this.readers.has(name));
    for (const buffer of unread.flatMap((name) => this.owners.get(name) ?? [])) this.release(buffer, at, 0);
    return taken;
  }

  private place(node: EmittedNode, name: string, index: number): Shared[] {
    const info = this.infos.get(name) as ValueInfo;
    const reads = this.readers.get(name) ?? 0;
    const isResult = this.results.has(name);
    const key = `${info.bytes} ${info.shape}`;
    if (!isResult && VIEWS.has(node.type) && !this.owners.has(node.inputs[0])) return []; // of what is fed or constant
    const shared = isResult
      ? undefined
      : (this.reused(node, index, info) ?? this.takeIdle(info.shape.length ? key : ""));
    const buffer = shared ?? { key, bytes: bytesOfValue(info), reads: 0 };
    buffer.reads += reads;
    this.owners.set(name, buffer);
    if (isResult) this.lastUse.set(buffer, Number.POSITIVE_INFINITY);
    return shared ? [] : [buffer];
  }

  /** The buffer of an input that the output is a view of, or may be written over. */
  private reused(node: EmittedNode, index: number, info: ValueInfo): Shared | undefined {
    if (index > 0) return undefined;
    const { type, inputs } = node;
    if (VIEWS.has(type)) return this.owners.get(inputs[0]);
    const places = OVER_EITHER.has(type) ? [0, 1] : OVER_FIRST.has(type) ? [0] : isSumming(node) ? [3] : [];
    for (const place of places) {
      const [owner, own] = [this.owners.get(inputs[place]), this.infos.get(inputs[place])];
      const fits = own && own.bytes === info.bytes && String(own.shape) === String(info.shape);
      if (fits && owner?.reads === 1) return owner;
    }
    return undefined;
  }

  private takeIdle(key: string): Shared | undefined {
    const at = this.idle.findLastIndex((buffer) => buffer.key === key);
    return at < 0 ? undefined : this.idle.splice(at, 1)[0];
  }

  private release(buffer: Shared, at: number, reads: number): void {
    buffer.reads -= reads;
    if (buffer.reads > 0 || this.lastUse.get(buffer) === Number.POSITIVE_INFINITY) return;
    this.lastUse.set(buffer, at);
    this.idle.push(buffer);
  }
}

const isSumming = ({ type, domain, inputs }: EmittedNode) => type === "Conv" && domain !== "" && inputs.length > 3;
