/**
 * @file A writer for the protobuf messages of ONNX that a model needs. Field numbers: onnx/onnx, onnx/onnx.proto.
 * Messages are lists of chunks, so that tensor data is never copied until it is written.
 */

/** A message under construction. */
export class Message {
  readonly chunks: Uint8Array[] = [];
  length = 0;

  private push(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.length += bytes.length;
  }

  /** A varint field; negative numbers as 64-bit two's complement. */
  int(field: number, value: number): this {
    this.push(varint(field << 3));
    this.push(varint(value));
    return this;
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(5);
    bytes[0] = (field << 3) | 5;
    new DataView(bytes.buffer).setFloat32(1, value, true);
    this.push(bytes);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.push(varint((field << 3) | 2));
    this.push(varint(value.length));
    this.push(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, "utf8"));
  }

  message(field: number, value: Message): this {
    this.push(varint((field << 3) | 2));
    this.push(varint(value.length));
    for (const chunk of value.chunks) this.push(chunk);
    return this;
  }

  packed(field: number, values: readonly number[]): this {
    const body = new Message();
    for (const value of values) body.push(varint(value));
    return this.message(field, body);
  }

  /** All bytes in one array; at most 2 GiB, protobuf's own limit. */
  finish(): Uint8Array {
    return Buffer.concat(this.chunks, this.length);
  }
}

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    out.push(rest ? low | 0x80 : low);
  } while (rest);
  return Uint8Array.from(out);
}

export type AttributeValue = number | string | readonly number[] | { readonly float: number };

/** AttributeProto: integers, lists of integers, strings, or an explicit float. */
export function attribute(name: string, value: AttributeValue): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.int(3, value).int(20, 2);
  if (typeof value === "string") return message.text(4, value).int(20, 3);
  if ("float" in value) return message.float(2, value.float).int(20, 1);
  return message.packed(8, value).int(20, 7);
}

/** NodeProto. */
export function nodeProto(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>>,
  domain: string,
): Message {
  const message = new Message();
  for (const input of inputs) message.text(1, input);
  for (const output of outputs) message.text(2, output);
  message.text(3, `${type}_${outputs[0]}`).text(4, type);
  for (const [name, value] of Object.entries(attributes)) message.message(5, attribute(name, value));
  return domain ? message.text(7, domain) : message;
}

/** Where a tensor's bytes are when they are not in the message. */
export interface External {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** TensorProto with raw little-endian data, or a pointer into an external file. */
export function tensorProto(name: string, type: number, dims: readonly number[], data: Uint8Array | External): Message {
  const message = new Message().packed(1, dims).int(2, type).text(8, name);
  if (data instanceof Uint8Array) return message.bytes(9, data);
  for (const [key, value] of Object.entries(data)) {
    message.message(13, new Message().text(1, key).text(2, String(value)));
  }
  return message.int(14, 1);
}

/** ValueInfoProto of a tensor; a name in `dims` is a free extent. */
export function valueInfo(name: string, type: number, dims: readonly (number | string)[]): Message {
  const shape = new Message();
  for (const dim of dims)
    shape.message(1, typeof dim === "number" ? new Message().int(1, dim) : new Message().text(2, dim));
  const tensor = new Message().int(1, type).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** Domains of ops beside ONNX's own that a model may use. */
const DOMAINS = ["com.microsoft", "com.microsoft.nchwc"];

export interface GraphParts {
  readonly nodes: readonly Message[];
  readonly initializers: readonly Message[];
  readonly inputs: readonly Message[];
  readonly outputs: readonly Message[];
}

const IR_VERSION = 9;
const OPSET = 18;

/** ModelProto of a graph, with metadata. */
export function modelProto(
  parts: GraphParts,
  producer: string,
  metadata: Readonly<Record<string, string>> = {},
): Message {
  const graph = new Message();
  for (const node of parts.nodes) graph.message(1, node);
  graph.text(2, "sam-seg");
  for (const tensor of parts.initializers) graph.message(5, tensor);
  for (const input of parts.inputs) graph.message(11, input);
  for (const output of parts.outputs) graph.message(12, output);
  const model = new Message().int(1, IR_VERSION).text(2, producer).message(7, graph);
  model.message(8, new Message().text(1, "").int(2, OPSET));
  for (const domain of DOMAINS) model.message(8, new Message().text(1, domain).int(2, 1));
  for (const [key, value] of Object.entries(metadata)) model.message(14, new Message().text(1, key).text(2, value));
  return model;
}
