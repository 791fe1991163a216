/**
 * @file Lowers a graph to ONNX: walks it in order of creation and lets every op's rule emit its nodes. Equal nodes are emitted
 * once; constants are pooled; frozen parameters become initializers.
 */
import type { OpName } from "../../graph/attrs.js";
import { ancestors } from "../../graph/grad.js";
import { ruleOf } from "../../graph/node.js";
import { BLOCKED_DOMAIN, channelsLastOf } from "../../graph/ops/blocked.js";
import { onnxType } from "../../graph/ops/common.js";
import { simplify } from "../../graph/passes/index.js";
import type { OnnxAttribute, OnnxNode } from "../../graph/rule.js";
import type { DType, Shape, Tensor, TensorData } from "../../graph/tensor.js";
import type { Graph } from "../engine.js";
import { type External, type GraphParts, type Message, nodeProto, tensorProto, valueInfo } from "./proto.js";
import { type Int8Builder, type Int8Options, Int8Products } from "./quantize-product.js";
import type { EmittedNode } from "./shapes.js";

export interface LowerOptions {
  readonly constants?: ReadonlyMap<string, TensorData>;
  /** Channels a block of the runtime's convolution layout; 0 or left out: plain ONNX. */
  readonly block?: number;
  /** Products with frozen matrices in int8; left out: float32. */
  readonly int8?: Int8Options;
  /** Called with a large initializer; returns where its bytes are put instead of inside the model. */
  readonly external?: (initializer: Initializer) => External;
}

export interface Lowered extends GraphParts {
  /** The nodes as they were emitted, in order, without those nobody reads. */
  readonly emitted: readonly EmittedNode[];
  /** Initializers: their data is empty where only shapes were asked for. */
  readonly stored: readonly Initializer[];
  /** Everything fed: inputs and parameters that are no constants. */
  readonly feeds: readonly { readonly name: string; readonly shape: Shape; readonly dtype: DType }[];
  readonly results: readonly { readonly name: string; readonly shape: Shape; readonly dtype: DType }[];
}

/** Initializers smaller than this stay in the model even when there is an external file. */
const EXTERNAL_FROM = 1024;

/** Constants up to so many bytes are kept once: rows of ones as wide as a transformer are, so that ops on them are one. */
const POOLED = 16384;
const INT64 = 7;
const INT8 = 3;

/** ONNX parts of a graph. Outputs keep their names. */
export function lower(graph: Graph, options: LowerOptions = {}): Lowered {
  const builder = new Builder(options);
  const outputs = simplify(graph.outputs);
  const order = ancestors(Object.values(outputs));
  for (const read of [...order.flatMap(({ inputs }) => inputs), ...Object.values(outputs)]) builder.read(read);
  for (const tensor of order) builder.lower(tensor);
  for (const [name, tensor] of Object.entries(outputs)) builder.output(name, builder.valueOf(tensor), tensor);
  return builder.finish();
}

/** A constant as it goes into the model. */
export interface Initializer {
  readonly name: string;
  readonly type: number;
  readonly shape: Shape;
  /** Bytes there are. */
  readonly length: number;
  /** The bytes; made anew where they are not held anyway. */
  readonly bytes: () => Uint8Array;
}

class Builder implements Int8Builder {
  private readonly emittedNodes: EmittedNode[] = [];
  private readonly known: Initializer[] = [];
  readonly inputs: Message[] = [];
  readonly outputs: Message[] = [];
  readonly feeds: { name: string; shape: Shape; dtype: DType }[] = [];
  readonly results: { name: string; shape: Shape; dtype: DType }[] = [];
  readonly block: number;
  readonly constants: ReadonlyMap<string, TensorData>;
  private readonly int8Products: Int8Products | undefined;
  private readonly values = new Map<Tensor, string>();
  private readonly readers = new Map<Tensor, number>();
  private readonly origins = new Map<string, EmittedNode>();
  private readonly twins = new Map<string, string>(); // maps in NCHW and in blocked layout
  private readonly outputNames = new Map<string, string>(); // of values that are an output
  private readonly emitted = new Map<string, string[]>();
  private readonly pooled = new Map<string, string>();
  private count = 0;

  constructor(private readonly options: LowerOptions) {
    this.block = options.block ?? 0;
    this.constants = options.constants ?? new Map();
    this.int8Products = options.int8 && new Int8Products(this, options.int8);
  }

  /** Counts a reader of the tensor: a node's input, or an output. */
  read(tensor: Tensor): void {
    this.readers.set(tensor, (this.readers.get(tensor) ?? 0) + 1);
  }

  isReadOnce(tensor: Tensor): boolean {
    return this.readers.get(tensor) === 1;
  }

  lower(tensor: Tensor): void {
    const inputs = tensor.inputs.map((input) => this.valueOf(input));
    this.values.set(tensor, ruleOf<OpName>(tensor.op).onnx(this, inputs, tensor));
  }

  valueOf(tensor: Tensor): string {
    return this.values.get(tensor) as string;
  }

  int8Product(product: Tensor<"matmul">): string | undefined {
    return this.int8Products?.product(product);
  }

  op(type: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}, domain = ""): string {
    return this.ops(type, inputs, 1, attributes, domain)[0];
  }

  ops(
    type: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Record<string, OnnxAttribute> = {},
    domain = "",
  ): string[] {
    const key = JSON.stringify([type, inputs, outputs, attributes, domain]);
    const known = this.emitted.get(key);
    if (known) return known;
    const names = Array.from({ length: outputs }, () => `t${this.count++}`);
    this.push({ type, inputs, outputs: names, attributes, domain });
    this.emitted.set(key, names);
    return names;
  }

  private push(node: EmittedNode): void {
    this.emittedNodes.push(node);
    for (const name of node.outputs) this.origins.set(name, node);
  }

  origin(value: string): OnnxNode | undefined {
    return this.origins.get(value);
  }

  /** Not noted as a twin: its last block may be filled up with zeros. Asked for again it is the same node. */
  toBlocked(map: string): string {
    const known = this.twins.get(map);
    if (known !== undefined) return known;
    const last = channelsLastOf(this, map);
    return last === undefined
      ? this.op("ReorderInput", [map], {}, BLOCKED_DOMAIN)
      : this.op("ReorderInput", [last], { channels_last: 1 }, BLOCKED_DOMAIN);
  }

  fromBlocked(blocked: string, [, channels]: Shape): string {
    const map = this.op("ReorderOutput", [blocked], { channels }, BLOCKED_DOMAIN);
    if (channels % this.block === 0) this.twins.set(map, blocked);
    return map;
  }

  isBlocked(map: string): boolean {
    return this.twins.has(map);
  }

  private withOutputNames(node: EmittedNode): EmittedNode {
    const rename = (name: string) => this.outputNames.get(name) ?? name;
    return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) };
  }

  /** Everything the outputs need; nodes nobody reads are left out. */
  finish(): Lowered {
    const needed = new Set(this.results.map(({ name }) => name));
    const emitted: EmittedNode[] = [];
    for (const node of this.emittedNodes.reverse().map((node) => this.withOutputNames(node))) {
      if (!node.outputs.some((name) => needed.has(name))) continue;
      for (const name of node.inputs) needed.add(name);
      emitted.push(node);
    }
    const nodes = emitted
      .reverse()
      .map(({ type, inputs, outputs, attributes, domain }) => nodeProto(type, inputs, outputs, attributes, domain));
    const stored = this.known.filter(({ name }) => needed.has(name));
    const { inputs, outputs, feeds, results } = this;
    return { nodes, initializers: this.messages(stored), inputs, outputs, feeds, results, emitted, stored };
  }

  ints(values: readonly number[], shape: Shape = [values.length]): string {
    return this.pool(INT64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer), shape);
  }

  floats(values: readonly number[] | Float32Array, shape: Shape): string {
    return this.pool(onnxType.float32, bytesOf(Float32Array.from(values)), shape);
  }

  int8(values: Int8Array, shape: Shape): string {
    return this.pool(INT8, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), shape);
  }

  constant({ data, shape }: TensorData): string {
    const type =
      data instanceof Float32Array ? onnxType.float32 : data instanceof Int32Array ? onnxType.int32 : onnxType.uint8;
    return this.pool(type, bytesOf(data), shape);
  }

  private pool(type: number, bytes: Uint8Array, shape: Shape): string {
    const key = bytes.length <= POOLED ? `${type} [${shape}] ${Buffer.from(bytes).toString("base64")}` : undefined;
    const known = key === undefined ? undefined : this.pooled.get(key);
    if (known) return known;
    const name = `c${this.count++}`;
    this.initializer(name, type, shape, bytes);
    if (key !== undefined) this.pooled.set(key, name);
    return name;
  }

  computed(shape: Shape, length: number, make: () => Float32Array): string {
    const name = `c${this.count++}`;
    this.known.push({ name, type: onnxType.float32, shape, length: 4 * length, bytes: () => bytesOf(make()) });
    return name;
  }

  private initializer(name: string, type: number, shape: Shape, bytes: Uint8Array): void {
    this.known.push({ name, type, shape, length: bytes.length, bytes: () => bytes });
  }

  private messages(stored: readonly Initializer[]): Message[] {
    const { external } = this.options;
    return stored.map((one) =>
      tensorProto(one.name, one.type, one.shape, external && one.length >= EXTERNAL_FROM ? external(one) : one.bytes()),
    );
  }

  input(node: Tensor<"input">): string {
    return this.feed(node.attrs.name, node.shape, node.dtype);
  }

  param(node: Tensor<"param">): string {
    const { name } = node.attrs;
    const value = this.constants.get(name);
    if (!value) return this.feed(name, node.shape, node.dtype);
    if (String(value.shape) !== String(node.shape)) {
      throw new Error(`internal: constant ${name} has shape [${value.shape}], the graph wants [${node.shape}]`);
    }
    if (!this.pooled.has(name)) {
      this.initializer(name, onnxType.float32, value.shape, bytesOf(value.data));
      this.pooled.set(name, name);
    }
    return name;
  }

  isConstant(tensor: Tensor): boolean {
    if (tensor.op === "constant") return true;
    return tensor.op === "param" && this.constants.has((tensor as Tensor<"param">).attrs.name);
  }

  frozen(tensor: Tensor): TensorData {
    if (tensor.op === "constant") return (tensor as Tensor<"constant">).attrs.value;
    return this.constants.get((tensor as Tensor<"param">).attrs.name) as TensorData;
  }

  private feed(name: string, shape: Shape, dtype: DType): string {
    if (!this.feeds.some((known) => known.name === name)) {
      this.feeds.push({ name, shape, dtype });
      this.inputs.push(valueInfo(name, onnxType[dtype], shape));
    }
    return name;
  }

  /** Gives a value an output's name; through Identity where it has one already, or is an input: that is a copy. */
  output(name: string, value: string, { shape, dtype }: Tensor): void {
    if (this.origins.has(value) && !this.outputNames.has(value)) this.outputNames.set(value, name);
    else this.push({ type: "Identity", inputs: [value], outputs: [name], attributes: {}, domain: "" });
    this.outputs.push(valueInfo(name, onnxType[dtype], shape));
    this.results.push({ name, shape, dtype });
  }
}

const bytesOf = (data: Float32Array | Int32Array | Uint8Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
