/**
 * @file The rings of a region from its arcs, walked with the region on the left. Where its pixels touch at a corner only, the walk turns right: a
 * 4-connected region then has one ring around it, and its holes are rings of their own that touch nothing along an edge. Lattice coordinates.
 */
import type { Arc } from "./trace.js";

/** A region's outline: flat x, y lists without a repeated end; seen on the picture the exterior runs counter-clockwise, holes clockwise. */
export interface RegionRings {
  readonly exterior: number[];
  readonly holes: number[][];
}

interface Directed {
  readonly points: readonly number[];
  readonly departs: number;
  readonly arrives: number;
  /** Region on the other side. */
  readonly beyond: number;
  walked: boolean;
}

/** Rings of a region from all arcs beside it. `width` of the raster in pixels. */
export function regionRings(region: number, arcs: Iterable<Arc>, width: number): RegionRings {
  const directed = Array.from(arcs, (arc) => along(arc, region));
  const starts = new Map<number, Directed[]>();
  for (const arc of directed) {
    if (arc.departs < 0) continue;
    const key = keyOf(arc.points, 0, width);
    const there = starts.get(key);
    if (there) there.push(arc);
    else starts.set(key, [arc]);
  }
  const rings = directed.flatMap((arc) => (arc.walked ? [] : [walk(arc, starts, width)]));
  const exteriors = rings.filter((ring) => twiceSignedArea(ring) < 0); // y runs down
  if (exteriors.length !== 1) throw new Error(`internal: region ${region} has ${exteriors.length} exterior rings`);
  return { exterior: exteriors[0], holes: rings.filter((ring) => ring !== exteriors[0]) };
}

/** An arc with the region on its left. */
function along({ points, left, right, departs, arrives }: Arc, region: number): Directed {
  if (left === region) return { points, departs, arrives, beyond: right, walked: false };
  const reversed: number[] = [];
  for (let i = points.length - 2; i >= 0; i -= 2) reversed.push(points[i], points[i + 1]);
  const back = (heading: number) => (heading < 0 ? heading : (heading + 2) % 4);
  return { points: reversed, departs: back(arrives), arrives: back(departs), beyond: left, walked: false };
}

const keyOf = (points: readonly number[], i: number, width: number) => points[i + 1] * (width + 1) + points[i];

function walk(first: Directed, starts: ReadonlyMap<number, Directed[]>, width: number): number[] {
  const ring: number[] = [];
  const joints: number[] = []; // where arcs with the same two sides follow each other
  first.walked = true;
  if (first.departs < 0) return [...first.points];
  for (let arc = first; ; ) {
    for (let i = 0; i < arc.points.length - 2; i++) ring.push(arc.points[i]);
    const next = following(arc, starts.get(keyOf(arc.points, arc.points.length - 2, width)));
    if (next.beyond === arc.beyond) joints.push(next === first ? 0 : ring.length);
    if (next === first) break;
    if (next.walked) throw new Error("internal: a ring of arcs meets one already walked");
    next.walked = true;
    arc = next;
  }
  return withoutStraight(ring, new Set(joints));
}

function following(arc: Directed, there: readonly Directed[] | undefined): Directed {
  const right = there?.find(({ departs }) => departs === (arc.arrives + 1) % 4);
  const next = there?.length === 1 ? there[0] : right;
  if (!next) throw new Error("internal: an arc leads nowhere");
  return next;
}

/** Drops the ends of stripes within a straight border, which belong to the method, not to the picture. */
function withoutStraight(ring: number[], joints: ReadonlySet<number>): number[] {
  if (joints.size === 0) return ring;
  const { length } = ring;
  return ring.filter((_, k) => {
    const i = k - (k % 2);
    if (!joints.has(i)) return true;
    const [before, after] = [(i + length - 2) % length, (i + 2) % length];
    return ring[before] !== ring[i] || ring[after] !== ring[i];
  });
}

/** Twice the area within a flat ring, positive where x turns towards y. */
export function twiceSignedArea(ring: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    sum += ring[j] * ring[i + 1] - ring[i] * ring[j + 1];
  }
  return sum;
}
