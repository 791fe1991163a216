/**
 * @file The packed Hilbert R-tree in front of a FlatGeobuf file's features. Source: https://flatgeobuf.org (spatial index): nodes of 40 bytes, bounds and an
 * offset, the root first and the leaves last; an inner node's offset is its first child's number, a leaf's that of its feature.
 */

/** Children of a node. */
export const NODE_SIZE = 16;
const NODE_BYTES = 40;
const HILBERT_SIDE = 2 ** 16;

/** Min x, min y, max x, max y. */
export type Bounds = readonly [number, number, number, number];

/** Bounds one after another, four numbers each. */
export type BoundsList = Float64Array;

/** The order of features along a Hilbert curve through the middles of their bounds; of equals the earlier first. */
export function hilbertOrder(list: BoundsList, count: number, all: Bounds): Uint32Array {
  const [width, height] = [all[2] - all[0] || 1, all[3] - all[1] || 1];
  const along = new Uint32Array(count);
  const cell = (middle: number) => Math.min(HILBERT_SIDE - 1, Math.floor(HILBERT_SIDE * middle));
  for (let i = 0; i < count; i++) {
    const x = cell(((list[4 * i] + list[4 * i + 2]) / 2 - all[0]) / width);
    const y = cell(((list[4 * i + 1] + list[4 * i + 3]) / 2 - all[1]) / height);
    along[i] = hilbertDistance(x, y);
  }
  return Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => along[a] - along[b] || a - b);
}

/** Way along the curve to a cell, by quadrants from the largest down. */
function hilbertDistance(column: number, row: number): number {
  let [x, y, distance] = [column, row, 0];
  for (let side = HILBERT_SIDE / 2; side >= 1; side /= 2) {
    const [right, upper] = [x & side ? 1 : 0, y & side ? 1 : 0];
    distance += side * side * ((3 * right) ^ upper);
    if (upper) continue;
    if (right) [x, y] = [HILBERT_SIDE - 1 - x, HILBERT_SIDE - 1 - y];
    [x, y] = [y, x];
  }
  return distance;
}

/** The bytes of the tree over leaves in their order, `offsets` in bytes from the first feature. */
export function packTree(leaves: BoundsList, offsets: Float64Array): Buffer {
  const levels = [offsets.length];
  do levels.push(Math.ceil(levels[levels.length - 1] / NODE_SIZE));
  while (levels[levels.length - 1] > 1);
  const total = levels.reduce((sum, count) => sum + count, 0);
  const bounds = new Float64Array(4 * total);
  const out = Buffer.alloc(NODE_BYTES * total);
  let start = total - levels[0];
  bounds.set(leaves.subarray(0, 4 * levels[0]), 4 * start);
  for (const [i, offset] of offsets.entries()) writeNode(out, start + i, bounds, offset);
  for (let level = 1; level < levels.length; level++) {
    const children = start;
    start -= levels[level];
    for (let i = 0; i < levels[level]; i++) {
      const first = children + NODE_SIZE * i;
      unite(bounds, start + i, first, Math.min(first + NODE_SIZE, children + levels[level - 1]));
      writeNode(out, start + i, bounds, first);
    }
  }
  return out;
}

function unite(bounds: Float64Array, node: number, from: number, to: number): void {
  const extreme = (k: number) => {
    let value = bounds[4 * from + k];
    for (let i = from + 1; i < to; i++)
      value = k < 2 ? Math.min(value, bounds[4 * i + k]) : Math.max(value, bounds[4 * i + k]);
    return value;
  };
  for (let k = 0; k < 4; k++) bounds[4 * node + k] = extreme(k);
}

function writeNode(out: Buffer, node: number, bounds: Float64Array, offset: number): void {
  const at = NODE_BYTES * node;
  for (let k = 0; k < 4; k++) out.writeDoubleLE(bounds[4 * node + k], at + 8 * k);
  out.writeBigUInt64LE(BigInt(offset), at + 32);
}
