/**
 * @file The sieve: components under a limit go to a neighbour. The smallest component that is too small (the earliest of equals) joins the neighbour
 * with which it shares the longest border (of equals the smaller class, then the earlier one) and takes its class; neighbours that are now of
 * one class are one component; and so on until none is left that is too small and has a neighbour. Nodata takes no part. The result depends on the
 * raster alone, not on the order of its storage.
 */
import type { Talk } from "../talk.js";
import type { Borders } from "./borders.js";
import { type Components, gather, join, rootOf } from "./components.js";
import { createHeap } from "./heap.js";

/** Merges between two turns of the event loop. */
const BREATH = 2 ** 14;

/** Merges components below `limit` in place. `measure`: size by root, in the limit's unit; kept up to date. Rejects with Stopped. */
export async function sieve(
  all: Components,
  borders: Borders,
  measure: Float64Array,
  limit: number,
  { breathe }: Pick<Talk, "breathe">,
): Promise<void> {
  const heap = createHeap();
  const members = Uint32Array.from({ length: all.count + 1 }, (_, i) => i); // circular lists, one a component
  for (let label = 1; label <= all.count; label++) {
    if (all.root[label] === label && measure[label] < limit) heap.push(measure[label], label);
  }
  let turns = 0;
  for (let next = heap.pop(); next; next = heap.pop()) {
    if (++turns % BREATH === 0) await breathe();
    const { key, item } = next;
    if (all.root[item] !== item || measure[item] !== key) continue; // it grew meanwhile and was put in again
    const shared = sharedBorders(all, borders, members, item);
    const target = longest(shared, all.classes);
    if (target === undefined) continue;
    const joined = joinAll(all, measure, members, item, target, shared.keys());
    if (measure[joined] < limit) heap.push(measure[joined], joined);
  }
  for (let label = 1; label <= all.count; label++) all.root[label] = all.root[all.root[label]];
}

/** Border with each neighbour as it is by now; empty for a component amid nodata. */
function sharedBorders(all: Components, borders: Borders, members: Uint32Array, component: number) {
  const shared = new Map<number, number>();
  let member = component;
  do {
    for (let i = borders.start[member]; i < borders.start[member + 1]; i++) {
      const other = rootOf(all.root, borders.neighbour[i]);
      if (other !== component) shared.set(other, (shared.get(other) ?? 0) + borders.length[i]);
    }
    member = members[member];
  } while (member !== component);
  return shared;
}

function longest(shared: ReadonlyMap<number, number>, classes: Int32Array): number | undefined {
  let best: number | undefined;
  for (const [other, length] of shared) {
    const ahead = best === undefined ? 1 : length - shared.get(best)! || classes[best] - classes[other] || best - other;
    if (ahead > 0) best = other;
  }
  return best;
}

/** Joins a component, its target and all neighbours of the target's class; gives the root. */
function joinAll(
  all: Components,
  measure: Float64Array,
  members: Uint32Array,
  component: number,
  target: number,
  neighbours: Iterable<number>,
): number {
  const value = all.classes[target];
  let root = component;
  for (const other of neighbours) {
    if (all.classes[other] !== value) continue;
    const [into, from] = root < other ? [root, other] : [other, root];
    root = join(all.root, into, from);
    gather(all, into, from);
    measure[into] += measure[from];
    [members[into], members[from]] = [members[from], members[into]];
  }
  all.classes[root] = value;
  return root;
}
