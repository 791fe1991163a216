/**
 * @file Rings of a polygon that was cut, linked anew. Where they touch, each walk keeps to the same part of the interior, so that parts which hung
 * together beyond the cut only become polygons of their own; and what two parts share along a meridian is taken out, which makes them one. Units: degrees.
 */
import { type Position, simpleLoops, turnFrom } from "./loops.js";

/** A part of a ring from one node to the next. */
interface Chain {
  readonly positions: readonly Position[];
  used: boolean;
}

/** Rings that pass no point twice, of rings, not closed, with the polygon on their left; `seam`: the meridian along which parts may meet. */
export function relinked(rings: readonly (readonly Position[])[], seam: number | undefined): Position[][] {
  const visits = new Map<string, number>();
  for (const ring of rings) for (const at of ring) visits.set(String(at), (visits.get(String(at)) ?? 0) + 1);
  const isNode = (at: Position) => at[0] === seam || (visits.get(String(at)) ?? 0) > 1;
  const whole = rings.filter((ring) => !ring.some(isNode));
  const parts = rings.flatMap((ring) => partsOf(ring, isNode));
  const isSide = (part: readonly Position[]) => part.length === 2 && part.every(([x]) => x === seam);
  const remaining = seam === undefined ? [] : unshared(parts.filter(isSide), seam);
  const chains = [...parts.filter((part) => !isSide(part)), ...remaining];
  const loops = linked(chains.map((positions) => ({ positions, used: false }))).flatMap(simpleLoops);
  return [...whole.map((ring) => [...ring]), ...loops];
}

/** A ring from node to node; nothing where it has none. */
function partsOf(ring: readonly Position[], isNode: (at: Position) => boolean): Position[][] {
  const start = ring.findIndex(isNode);
  const out: Position[][] = [];
  for (let i = 0; start >= 0 && i < ring.length; i++) {
    const at = ring[(start + i) % ring.length];
    const next = ring[(start + i + 1) % ring.length];
    if (isNode(at)) out.push([at]);
    out[out.length - 1].push(next);
  }
  return out;
}

/** Parts of a meridian that have the polygon on one side only. */
function unshared(sides: readonly (readonly Position[])[], seam: number): Position[][] {
  const latitudes = [...new Set(sides.flatMap((side) => side.map(([, y]) => y)))].sort((a, b) => a - b);
  return latitudes.slice(1).flatMap((north, i): Position[][] => {
    const south = latitudes[i];
    const up = sides.some(([[, from], [, to]]) => from <= south && to >= north);
    const down = sides.some(([[, from], [, to]]) => from >= north && to <= south);
    if (up === down) return [];
    const ends: Position[] = [
      [seam, south],
      [seam, north],
    ];
    return [up ? ends : ends.reverse()];
  });
}

function linked(chains: readonly Chain[]): Position[][] {
  const starts = new Map<string, Chain[]>();
  for (const chain of chains) {
    const key = String(chain.positions[0]);
    starts.set(key, [...(starts.get(key) ?? []), chain]);
  }
  const rings: Position[][] = [];
  for (const first of chains) {
    if (first.used) continue;
    const ring: Position[] = [];
    for (let chain = first; !chain.used; chain = following(starts, chain, first)) {
      chain.used = true;
      ring.push(...chain.positions.slice(0, -1));
    }
    rings.push(ring);
  }
  return rings;
}

/** The chain that begins where one ends; of several the one with nothing but the polygon between the two. */
function following(starts: ReadonlyMap<string, readonly Chain[]>, { positions }: Chain, first: Chain): Chain {
  const [before, end] = positions.slice(-2);
  const there = (starts.get(String(end)) ?? []).filter((chain) => !chain.used || chain === first);
  const turn = (chain: Chain) => turnFrom(end, before, chain.positions[1]);
  const next = there.reduce<Chain | undefined>(
    (best, chain) => (best === undefined || turn(chain) < turn(best) ? chain : best),
    undefined,
  );
  if (!next) throw new Error("internal: a ring of a cut polygon is not closed");
  return next;
}
