/**
 * @file How long the borders of small components are: pixel edges shared with each neighbour, gathered row by row into one open-addressing table.
 * Nodata is no neighbour. Memory: 12 bytes a pair.
 */

/** Neighbours of components, those of component a at start[a] .. start[a + 1]. */
export interface Borders {
  readonly start: Uint32Array;
  readonly neighbour: Uint32Array;
  /** Pixel edges shared. */
  readonly length: Uint32Array;
}

/** Takes rows of component roots from the top down. */
export interface BorderCounter {
  add(row: Uint32Array): void;
  /** Borders of components 1 .. `count`; empty for those that are not small. */
  finish(count: number): Borders;
}

/** A counter for rows of `width`; only components that are `small` get their borders counted. */
export function countBorders(width: number, small: (component: number) => boolean): BorderCounter {
  const table = createPairTable();
  const above = new Uint32Array(width);
  const add = (a: number, b: number, edges: number) => {
    if (a === 0 || b === 0 || a === b) return;
    if (small(a)) table.add(a, b, edges);
    if (small(b)) table.add(b, a, edges);
  };
  return {
    add(row) {
      for (let x = 1; x < width; x++) if (row[x] !== row[x - 1]) add(row[x - 1], row[x], 1);
      for (let from = 0; from < width; ) {
        let to = from + 1;
        while (to < width && row[to] === row[from] && above[to] === above[from]) to++;
        if (row[from] !== above[from]) add(above[from], row[from], to - from);
        from = to;
      }
      above.set(row);
    },
    finish: (count) => byComponent(table, count),
  };
}

function createPairTable() {
  let size = 1024; // a power of two
  let first = new Uint32Array(size); // 0: free
  let second = new Uint32Array(size);
  let edges = new Uint32Array(size);
  let used = 0;
  const slotOf = (a: number, b: number): number => {
    let slot = (Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)) & (size - 1);
    while (first[slot] !== 0 && (first[slot] !== a || second[slot] !== b)) slot = (slot + 1) & (size - 1);
    return slot;
  };
  const put = (a: number, b: number, count: number) => {
    const slot = slotOf(a, b);
    if (first[slot] === 0) used++;
    first[slot] = a;
    second[slot] = b;
    edges[slot] += count;
  };
  const widen = () => {
    const old = { first, second, edges };
    size *= 2;
    used = 0;
    first = new Uint32Array(size);
    second = new Uint32Array(size);
    edges = new Uint32Array(size);
    for (let i = 0; i < old.first.length; i++) if (old.first[i] !== 0) put(old.first[i], old.second[i], old.edges[i]);
  };
  return {
    add(a: number, b: number, count: number) {
      if (used > 0.6 * size) widen();
      put(a, b, count);
    },
    *entries(): Generator<readonly [number, number, number]> {
      for (let i = 0; i < size; i++) if (first[i] !== 0) yield [first[i], second[i], edges[i]];
    },
  };
}

function byComponent(table: ReturnType<typeof createPairTable>, count: number): Borders {
  const start = new Uint32Array(count + 2);
  for (const [a] of table.entries()) start[a + 1]++;
  for (let i = 1; i < start.length; i++) start[i] += start[i - 1];
  const at = start.slice();
  const neighbour = new Uint32Array(start[count + 1]);
  const length = new Uint32Array(start[count + 1]);
  for (const [a, b, edges] of table.entries()) {
    neighbour[at[a]] = b;
    length[at[a]++] = edges;
  }
  return { start, neighbour, length };
}
