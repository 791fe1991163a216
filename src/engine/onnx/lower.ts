/**
 * @file Lowers a graph to ONNX: walks it in order of creation and lets every op's rule emit its nodes. Equal nodes are emitted
 * once; constants are pooled; frozen parameters become initializers.
 */
import type { OpName } from "../../graph/attrs.js";
import { ancestors } from "../../graph/grad.js";
import { ruleOf } from "../../graph/node.js";
import { simplify } from "../../graph/passes/index.js";
import { onnxType } from "../../graph/ops/common.js";
import type { Onnx, OnnxAttribute } from "../../graph/rule.js";
import type { DType, Shape, Tensor, TensorData } from "../../graph/tensor.js";
import type { Graph } from "../engine.js";
import { type External, type GraphParts, type Message, nodeProto, tensorProto, valueInfo } from "./proto.js";

/** Strips of this size stay near the caches, and the peak stays low (bench/step). */
const STRIP_BYTES = 12 * 2 ** 20;

export interface LowerOptions {
  readonly constants?: ReadonlyMap<string, TensorData>;
  readonly stripBytes?: number;
  /** Called with the bytes of a large initializer; returns where it was put instead of inside the model. */
  readonly external?: (bytes: Uint8Array) => External;
}

export interface Lowered extends GraphParts {
  /** Everything fed: inputs and parameters that are no constants. */
  readonly feeds: readonly { readonly name: string; readonly shape: Shape; readonly dtype: DType }[];
  readonly results: readonly { readonly name: string; readonly shape: Shape; readonly dtype: DType }[];
}

/** Initializers smaller than this stay in the model even when there is an external file. */
const EXTERNAL_FROM = 1024;
const INT64 = 7;

/** ONNX parts of a graph. Outputs keep their names. */
export function lower(graph: Graph, options: LowerOptions = {}): Lowered {
  const builder = new Builder(options);
  const outputs = simplify(graph.outputs);
  const order = ancestors(Object.values(outputs));
  const values = new Map<Tensor, string>();
  for (const tensor of order) {
    const inputs = tensor.inputs.map((input) => values.get(input) as string);
    values.set(tensor, ruleOf<OpName>(tensor.op).onnx(builder, inputs, tensor));
  }
  for (const [name, tensor] of Object.entries(outputs)) builder.output(name, values.get(tensor) as string, tensor);
  return builder;
}

class Builder implements Onnx, Lowered {
  readonly nodes: Message[] = [];
  readonly initializers: Message[] = [];
  readonly inputs: Message[] = [];
  readonly outputs: Message[] = [];
  readonly feeds: { name: string; shape: Shape; dtype: DType }[] = [];
  readonly results: { name: string; shape: Shape; dtype: DType }[] = [];
  readonly stripBytes: number;
  private readonly emitted = new Map<string, string[]>();
  private readonly pooled = new Map<string, string>();
  private count = 0;

  constructor(private readonly options: LowerOptions) {
    this.stripBytes = options.stripBytes ?? STRIP_BYTES;
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
    this.nodes.push(nodeProto(type, inputs, names, attributes, domain));
    this.emitted.set(key, names);
    return names;
  }

  ints(values: readonly number[], shape: Shape = [values.length]): string {
    return this.pool(INT64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer), shape);
  }

  floats(values: readonly number[] | Float32Array, shape: Shape): string {
    return this.pool(onnxType.float32, bytesOf(Float32Array.from(values)), shape);
  }

  constant({ data, shape }: TensorData): string {
    const type =
      data instanceof Float32Array ? onnxType.float32 : data instanceof Int32Array ? onnxType.int32 : onnxType.uint8;
    return this.pool(type, bytesOf(data), shape);
  }

  private pool(type: number, bytes: Uint8Array, shape: Shape): string {
    const key = bytes.length <= 256 ? `${type} [${shape}] ${Buffer.from(bytes).toString("base64")}` : undefined;
    const known = key === undefined ? undefined : this.pooled.get(key);
    if (known) return known;
    const name = `c${this.count++}`;
    this.initializer(name, type, bytes, shape);
    if (key !== undefined) this.pooled.set(key, name);
    return name;
  }

  private initializer(name: string, type: number, bytes: Uint8Array, shape: Shape): void {
    const outside = this.options.external && bytes.length >= EXTERNAL_FROM ? this.options.external(bytes) : bytes;
    this.initializers.push(tensorProto(name, type, shape, outside));
  }

  input(node: Tensor<"input">): string {
    return this.feed(node.attrs.name, node.shape, node.dtype);
  }

  param(node: Tensor<"param">): string {
    const { name } = node.attrs;
    const value = this.options.constants?.get(name);
    if (!value) return this.feed(name, node.shape, node.dtype);
    if (String(value.shape) !== String(node.shape)) {
      throw new Error(`internal: constant ${name} has shape [${value.shape}], the graph wants [${node.shape}]`);
    }
    if (!this.pooled.has(name)) {
      this.initializer(name, onnxType.float32, bytesOf(value.data), value.shape);
      this.pooled.set(name, name);
    }
    return name;
  }

  isConstant(tensor: Tensor): boolean {
    if (tensor.op === "constant") return true;
    return tensor.op === "param" && this.options.constants?.has((tensor as Tensor<"param">).attrs.name) === true;
  }

  private feed(name: string, shape: Shape, dtype: DType): string {
    if (!this.feeds.some((known) => known.name === name)) {
      this.feeds.push({ name, shape, dtype });
      this.inputs.push(valueInfo(name, onnxType[dtype], shape));
    }
    return name;
  }

  /** Binds a value to an output name through Identity: several outputs may be one value, or an input. */
  output(name: string, value: string, { shape, dtype }: Tensor): void {
    this.nodes.push(nodeProto("Identity", [value], [name], {}, ""));
    this.outputs.push(valueInfo(name, onnxType[dtype], shape));
    this.results.push({ name, shape, dtype });
  }
}

const bytesOf = (data: Float32Array | Int32Array | Uint8Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
