/**
 * @file FlatGeobuf files (https://flatgeobuf.org, version 3): header, spatial index, features. Features wait in a scratch file until all bounds are known;
 * in memory are 40 bytes of each, in arrays that double as they grow, and some 130 more while the index is made. Schema: header.fbs, feature.fbs of the specification; numbers in brackets are places in its tables.
 */
import type { AtomicFile } from "../files.js";
import type { Feature, FeatureWriter, Field, Layer, PolygonRings } from "./feature.js";
import { createSerializer, type FieldValue, type Item } from "./flatbuffer.js";
import { type Bounds, hilbertOrder, NODE_SIZE, packTree } from "./hilbert-tree.js";
import { grown } from "./numbers.js";
import type { ScratchFile } from "./scratch.js";

const MAGIC = Uint8Array.of(0x66, 0x67, 0x62, 3, 0x66, 0x67, 0x62, 0);
const POLYGON = 3;
const MULTI_POLYGON = 6;
const MIXED = 0;
const COLUMN_TYPES = { integer: 5, long: 7, double: 10, string: 11 } as const;

/** Features with an index; beyond it a file is written in the order of its features without one. */
const MOST_INDEXED = 2 ** 23;
const CHUNK = 2 ** 20;

/** A writer of a FlatGeobuf file with one layer. */
export function flatGeobufWriter(
  file: Pick<AtomicFile, "write">,
  layer: Layer,
  scratch: ScratchFile,
  mostIndexed = MOST_INDEXED,
): FeatureWriter {
  const written: Written = {
    count: 0,
    kinds: new Set(),
    bounds: new Float64Array(1024),
    starts: new Float64Array(256),
    all: EMPTY,
  };
  const serialize = createSerializer();
  return {
    async write(feature) {
      const { bounds, kind } = note(written, feature, scratch.length);
      written.all = united(written.all, bounds);
      scratch.append(serialize(featureItem(layer.fields, feature, kind)));
    },
    async end() {
      written.starts = grown(written.starts, written.count);
      written.starts[written.count] = scratch.length;
      await complete(file, layer, written, scratch, written.count > 0 && written.count <= mostIndexed);
    },
  };
}

const FAR = Number.POSITIVE_INFINITY;
const EMPTY: Bounds = [FAR, FAR, -FAR, -FAR];

interface Written {
  count: number;
  readonly kinds: Set<number>;
  bounds: Float64Array;
  /** Where each begins in the scratch file, and where the last one ends. */
  starts: Float64Array;
  all: Bounds;
}

function note(written: Written, { polygons }: Feature, start: number) {
  const kind = polygons.length === 1 ? POLYGON : MULTI_POLYGON;
  const bounds = polygons.map(([exterior]) => boundsOf(exterior)).reduce(united, EMPTY);
  written.kinds.add(kind);
  written.bounds = grown(written.bounds, 4 * written.count + 3);
  written.bounds.set(bounds, 4 * written.count);
  written.starts = grown(written.starts, written.count);
  written.starts[written.count++] = start;
  return { kind, bounds };
}

function boundsOf(ring: Float64Array): Bounds {
  let [left, low, right, high] = EMPTY;
  for (let i = 0; i < ring.length; i += 2) {
    left = Math.min(left, ring[i]);
    right = Math.max(right, ring[i]);
    low = Math.min(low, ring[i + 1]);
    high = Math.max(high, ring[i + 1]);
  }
  return [left, low, right, high];
}

const united = (a: Bounds, b: Bounds): Bounds => [
  Math.min(a[0], b[0]),
  Math.min(a[1], b[1]),
  Math.max(a[2], b[2]),
  Math.max(a[3], b[3]),
];

async function complete(
  file: Pick<AtomicFile, "write">,
  layer: Layer,
  { count, kinds, bounds, starts, all }: Written,
  scratch: ScratchFile,
  isIndexed: boolean,
): Promise<void> {
  const kind = kinds.size === 1 ? [...kinds][0] : kinds.size === 0 ? POLYGON : MIXED;
  await file.write(MAGIC);
  await file.write(createSerializer()(headerItem(layer, { kind, count, all, isIndexed })));
  const order = isIndexed ? hilbertOrder(bounds, count, all) : Uint32Array.from({ length: count }, (_, i) => i);
  if (isIndexed) await file.write(treeOf(order, bounds, starts));
  let chunk: Buffer[] = [];
  let size = 0;
  for (const i of order) {
    chunk.push(scratch.read(starts[i], starts[i + 1] - starts[i]));
    size += starts[i + 1] - starts[i];
    if (size < CHUNK) continue;
    await file.write(Buffer.concat(chunk));
    chunk = [];
    size = 0;
  }
  await file.write(Buffer.concat(chunk));
}

function treeOf(order: Uint32Array, bounds: Float64Array, starts: Float64Array): Buffer {
  const leaves = new Float64Array(4 * order.length);
  const offsets = new Float64Array(order.length);
  let offset = 0;
  for (const [k, i] of order.entries()) {
    leaves.set(bounds.subarray(4 * i, 4 * i + 4), 4 * k);
    offsets[k] = offset;
    offset += starts[i + 1] - starts[i];
  }
  return packTree(leaves, offsets);
}

interface Summary {
  readonly kind: number;
  readonly count: number;
  readonly all: Bounds;
  readonly isIndexed: boolean;
}

const text = (value: string): FieldValue => ({ refers: { text: value } });
const byte = (value: number): FieldValue => ({ scalar: "u8", value });

function headerItem({ name, fields, system }: Layer, { kind, count, all, isIndexed }: Summary): Item {
  const none = undefined;
  const envelope: FieldValue | undefined = count > 0 ? { refers: { doubles: all } } : none;
  const columns: FieldValue = { refers: { items: fields.map(columnItem) } };
  const features: FieldValue = { scalar: "u64", value: count };
  const node: FieldValue = { scalar: "u16", value: isIndexed ? NODE_SIZE : 0 };
  const crs: FieldValue | undefined = system === undefined ? none : { refers: crsItem(system.epsg, system.name) };
  return { table: [text(name), envelope, byte(kind), none, none, none, none, columns, features, node, crs] };
}

/** name [0], type [1]. */
const columnItem = ({ name, type }: Field): Item => ({ table: [text(name), byte(COLUMN_TYPES[type])] });

/** org [0], code [1], name [2]. */
const crsItem = (epsg: number, name: string | undefined): Item => ({
  table: [text("EPSG"), { scalar: "i32", value: epsg }, ...(name === undefined ? [] : [text(name)])],
});

/** geometry [0], properties [1]. */
function featureItem(fields: readonly Field[], { values, polygons }: Feature, kind: number): Item {
  const parts = polygons.map(polygonItem);
  const multi: Item = { table: [...NOTHING_BEFORE_TYPE, byte(kind), { refers: { items: parts } }] };
  const properties: FieldValue = { refers: { bytes: propertyBytes(fields, values) } };
  return { table: [{ refers: parts.length === 1 ? parts[0] : multi }, properties] };
}

/** ends [0], xy [1] and four more come before type [6] and parts [7]. */
const NOTHING_BEFORE_TYPE = Array.from({ length: 6 }, () => undefined);

function polygonItem(rings: PolygonRings): Item {
  const numbers = rings.reduce((sum, ring) => sum + ring.length + 2, 0);
  const positions = new Float64Array(numbers);
  const ends: number[] = [];
  let at = 0;
  for (const ring of rings) {
    positions.set(ring, at);
    positions.set(ring.subarray(0, 2), at + ring.length);
    at += ring.length + 2;
    ends.push(at / 2);
  }
  const doubles: FieldValue = { refers: { doubles: positions } };
  return { table: [{ refers: { integers: ends } }, doubles, ...NOTHING_BEFORE_TYPE.slice(2), byte(POLYGON)] };
}

/** Number of the column, then its value; columns without one are left out. */
function propertyBytes(fields: readonly Field[], values: Feature["values"]): Buffer {
  const parts: Buffer[] = [];
  for (const [i, { type }] of fields.entries()) {
    const value = values[i];
    if (value === null) continue;
    const column = Buffer.alloc(2);
    column.writeUInt16LE(i);
    parts.push(column, valueBytes(type, value));
  }
  return Buffer.concat(parts);
}

function valueBytes(type: Field["type"], value: number | string): Buffer {
  if (type === "string") {
    const bytes = Buffer.from(String(value));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([length, bytes]);
  }
  const out = Buffer.alloc(type === "integer" ? 4 : 8);
  if (type === "integer") out.writeInt32LE(Number(value));
  else if (type === "long") out.writeBigInt64LE(BigInt(value));
  else out.writeDoubleLE(Number(value));
  return out;
}
