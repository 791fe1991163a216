/**
 * @file Arcs of regions the sweep has not left yet. Their points go to a scratch file when they are many; what stays in memory is a record an arc.
 */
import { regionRings, type RegionRings } from "./rings.js";
import type { ScratchFile } from "./scratch.js";
import type { Arc } from "./trace.js";

/** Numbers held in memory before points go to the scratch file: about 64 MB. */
const HELD_NUMBERS = 2 ** 23;

interface Stored {
  readonly arc: Arc; // its points are empty while they are in the file
  position: number;
  count: number;
}

/** Arcs by region. */
export interface RegionArcs {
  /** Keeps an arc for the regions beside it that are wanted. */
  add(arc: Arc): void;
  /** Rings of the regions whose last row lies above `row`, in the order of their last rows, then of their numbers. */
  leave(row: number): Generator<{ readonly region: number; readonly rings: RegionRings }>;
}

/** An empty collection; `lastRow` and `wanted` by region. */
export function collectArcs(
  width: number,
  lastRow: Uint32Array,
  wanted: (region: number) => boolean,
  scratch: ScratchFile,
  heldNumbers = HELD_NUMBERS,
): RegionArcs {
  const live = new Map<number, Stored[]>();
  let held = 0;
  const keep = (region: number, stored: Stored) => {
    const list = live.get(region);
    if (list) list.push(stored);
    else live.set(region, [stored]);
  };
  return {
    add(arc) {
      const sides = [arc.left, arc.right].filter((region) => region !== 0 && wanted(region));
      if (sides.length === 0) return;
      const stored = { arc, position: -1, count: arc.points.length };
      for (const region of sides) keep(region, stored);
      held += arc.points.length;
    },
    *leave(row) {
      const done = [...live.keys()].filter((region) => lastRow[region] < row);
      for (const region of done.sort((a, b) => lastRow[a] - lastRow[b] || a - b)) {
        const arcs = live.get(region)!.map((stored) => loaded(stored, scratch));
        live.delete(region);
        yield { region, rings: regionRings(region, arcs, width) };
      }
      if (held <= heldNumbers) return;
      held = 0;
      for (const list of live.values()) for (const stored of list) held += stored.position < 0 ? stored.count : 0;
      if (2 * held > heldNumbers) held = spill(live.values(), scratch);
    },
  };
}

function loaded({ arc, position, count }: Stored, scratch: ScratchFile): Arc {
  if (position < 0) return arc;
  const bytes = scratch.read(position, 4 * count);
  const points = Array.from({ length: count }, (_, i) => bytes.readUInt32LE(4 * i));
  return { ...arc, points };
}

/** Writes the points of all arcs; gives the numbers still held: none. */
function spill(lists: Iterable<readonly Stored[]>, scratch: ScratchFile): 0 {
  for (const list of lists) {
    for (const stored of list) {
      if (stored.position >= 0) continue;
      stored.position = scratch.length;
      scratch.append(new Uint8Array(Uint32Array.from(stored.arc.points).buffer));
      stored.arc.points = [];
    }
  }
  return 0;
}
