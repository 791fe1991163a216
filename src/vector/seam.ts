/**
 * @file Polygons that lie on both sides of a meridian and share parts of it, made one: those parts are taken out of their rings, and what remains of the
 * rings is joined again. Units: degrees.
 */
import { type Position, simpleLoops, turnFrom } from "./loops.js";

/** A part of a ring from the meridian to the meridian. */
interface Chain {
  readonly positions: readonly Position[];
  used: boolean;
}

/** Rings, not closed, with the polygon on their left, without what they share along the meridian `x`. */
export function joinAlong(rings: readonly (readonly Position[])[], x: number): Position[][] {
  const whole: Position[][] = [];
  const chains: Chain[] = [];
  const sides: Side[] = [];
  for (const ring of rings) {
    const own = sidesOf(ring, x);
    sides.push(...own);
    if (own.length === 0) whole.push([...ring]);
    else chains.push(...betweenSides(ring, x));
  }
  chains.push(...unshared(sides, x));
  return [...whole, ...linked(chains).flatMap(simpleLoops)];
}

/** A part of the meridian, from one latitude to another. */
type Side = readonly [number, number];

const isSide = (from: Position, to: Position, x: number) => from[0] === x && to[0] === x;

function sidesOf(ring: readonly Position[], x: number): Side[] {
  return ring.flatMap((from, i): Side[] => {
    const to = ring[(i + 1) % ring.length];
    return isSide(from, to, x) ? [[from[1], to[1]]] : [];
  });
}

function betweenSides(ring: readonly Position[], x: number): Chain[] {
  const { length } = ring;
  const start = ring.findIndex((from, i) => isSide(from, ring[(i + 1) % length], x)) + 1;
  const out: Position[][] = [[ring[start % length]]];
  for (let i = start; i < start + length; i++) {
    const [from, to] = [ring[i % length], ring[(i + 1) % length]];
    if (isSide(from, to, x)) out.push([to]);
    else out[out.length - 1].push(to);
  }
  return out.filter((positions) => positions.length > 1).map((positions) => ({ positions, used: false }));
}

/** Parts of the meridian with the polygon on one side only. */
function unshared(sides: readonly Side[], x: number): Chain[] {
  const latitudes = [...new Set(sides.flat())].sort((a, b) => a - b);
  return latitudes.slice(1).flatMap((north, i) => {
    const south = latitudes[i];
    const up = sides.some(([from, to]) => from <= south && to >= north);
    const down = sides.some(([from, to]) => from >= north && to <= south);
    if (up === down) return [];
    const positions: Position[] = up
      ? [
          [x, south],
          [x, north],
        ]
      : [
          [x, north],
          [x, south],
        ];
    return [{ positions, used: false }];
  });
}

function linked(chains: readonly Chain[]): Position[][] {
  const rings: Position[][] = [];
  for (const first of chains) {
    if (first.used) continue;
    const ring: Position[] = [];
    for (let chain = first; !chain.used; chain = following(chains, chain, first)) {
      chain.used = true;
      ring.push(...chain.positions.slice(0, -1));
    }
    rings.push(ring);
  }
  return rings;
}

/** The chain that begins where one ends; of several the one with nothing but the polygon between the two. */
function following(chains: readonly Chain[], { positions }: Chain, first: Chain): Chain {
  const [before, end] = positions.slice(-2);
  const there = chains.filter((chain) => (!chain.used || chain === first) && isSame(chain.positions[0], end));
  const turn = (chain: Chain) => turnFrom(end, before, chain.positions[1]);
  const next = there.reduce((best, chain) => (turn(chain) < turn(best) ? chain : best), there[0]);
  if (!next) throw new Error("internal: a ring ends at a meridian");
  return next;
}

const isSame = (a: Position, b: Position) => a[0] === b[0] && a[1] === b[1];
