/**
 * @file Polygons of longitude and latitude that cross 180 degrees or go round a pole, cut there as RFC 7946 section 3.1.9 asks. The map from -180 to 180
 * is a rectangle with two sides that are one line: rings are cut into chains at it, and the chains joined again along the rectangle's edge, which is
 * walked counter-clockwise (after Weiler and Atherton 1977, https://doi.org/10.1145/563858.563896). Units: degrees.
 */
import type { PolygonRings } from "./feature.js";
import { twiceSignedArea } from "./rings.js";

type Position = readonly [number, number];

/** A part of a ring between two crossings of the line, within -180..180. */
interface Chain {
  readonly positions: Position[];
  used: boolean;
}

/** Parts below it, in square degrees, are where a ring only touches the line. */
const NOTHING = 1e-13;

/**
 * Cuts one polygon, its exterior counter-clockwise and first, into those within -180..180. `wraps`: longitudes jump from 180 to -180, as conversions
 * give them; else they run on beyond.
 */
export function cutAtAntimeridian(rings: PolygonRings, wraps: boolean): PolygonRings[] {
  if (!rings.some((ring) => leavesMap(ring, wraps))) return [rings];
  const whole: Position[][] = [];
  const chains: Chain[] = [];
  for (const ring of rings) {
    const parts = cutRing(runningOn(ring, wraps));
    if (parts.length === 1 && parts[0].closed) whole.push(parts[0].positions);
    else for (const { positions } of parts) chains.push({ positions, used: false });
  }
  const outlines = [...joinChains(chains), ...whole].map(flat).filter((ring) => ring.length >= 6);
  const exteriors = outlines.filter((ring) => twiceSignedArea(ring) > NOTHING);
  const holes = outlines.filter((ring) => twiceSignedArea(ring) < -NOTHING);
  const polygons = exteriors.map((exterior) => [exterior]);
  for (const hole of holes) around(hole, polygons).push(hole);
  return polygons;
}

function leavesMap(ring: Float64Array, wraps: boolean): boolean {
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    if (Math.abs(ring[i]) > 180 || (wraps && Math.abs(ring[i] - ring[j]) > 180)) return true;
  }
  return false;
}

/** Positions without jumps; the first is repeated at the end, a turn on where the ring goes round a pole. */
function runningOn(ring: Float64Array, wraps: boolean): Position[] {
  const out: Position[] = [];
  for (let i = 0; i <= ring.length; i += 2) {
    const [x, y] = [ring[i % ring.length], ring[(i % ring.length) + 1]];
    const last = out[out.length - 1];
    out.push([wraps && last ? x + 360 * Math.round((last[0] - x) / 360) : x, y]);
  }
  return out;
}

const stripOf = (longitude: number) => Math.floor((longitude + 180) / 360);

/** A running ring as chains, each moved to -180..180; one closed chain without the repeated end where it crosses no line. */
function cutRing(positions: readonly Position[]): { positions: Position[]; closed: boolean }[] {
  const parts: Position[][] = [[]];
  for (const [i, [x, y]] of positions.entries()) {
    const strip = stripOf(x);
    if (i > 0) cross(parts, positions[i - 1], [x, y]);
    parts[parts.length - 1].push([x - 360 * strip, y]);
  }
  if (parts.length === 1) return [{ positions: parts[0].slice(0, -1), closed: true }];
  const last = parts.pop() ?? [];
  parts[0] = [...last, ...parts[0].slice(1)]; // the ring began within a chain
  return parts.map((part) => ({ positions: part, closed: false }));
}

/** Ends the last part and begins another at each line between two positions. */
function cross(parts: Position[][], from: Position, to: Position): void {
  const [a, b] = [stripOf(from[0]), stripOf(to[0])];
  const step = Math.sign(b - a);
  for (let strip = a; strip !== b; strip += step) {
    const line = 360 * (strip + (step > 0 ? 1 : 0)) - 180;
    const latitude = latitudeAt(line, from, to);
    parts[parts.length - 1].push([step > 0 ? 180 : -180, latitude]);
    parts.push([[step > 0 ? -180 : 180, latitude]]);
  }
}

/** Reckoned from the western end both ways, so that neighbours are cut in the same point. */
function latitudeAt(line: number, a: Position, b: Position): number {
  const [west, east] = a[0] < b[0] ? [a, b] : [b, a];
  return west[1] + ((line - west[0]) / (east[0] - west[0])) * (east[1] - west[1]);
}

/** Way along the rectangle's edge, counter-clockwise from its lower right corner: up to 180 on the right, down to 360 on the left. */
const edgeAt = ([x, y]: Position) => (x > 0 ? 90 + y : 270 - y);

function joinChains(chains: readonly Chain[]): Position[][] {
  const rings: Position[][] = [];
  for (const first of chains) {
    if (first.used) continue;
    const ring: Position[] = [];
    for (let chain = first; !chain.used; ) {
      chain.used = true;
      ring.push(...chain.positions);
      const from = edgeAt(chain.positions[chain.positions.length - 1]);
      const [next, way] = nextStart(chains, from, first);
      if (from < 180 && from + way >= 180) ring.push([180, 90], [-180, 90]);
      if (from < 360 && from + way >= 360) ring.push([-180, -90], [180, -90]);
      if (from + way >= 540) ring.push([180, 90], [-180, 90]);
      chain = next;
    }
    rings.push(ring);
  }
  return rings;
}

/** The chain that begins next along the edge, and how far that is. */
function nextStart(chains: readonly Chain[], from: number, first: Chain): readonly [Chain, number] {
  let best: readonly [Chain, number] = [first, Number.POSITIVE_INFINITY];
  for (const chain of chains) {
    if (chain.used && chain !== first) continue;
    const way = (edgeAt(chain.positions[0]) - from + 360) % 360;
    if (way < best[1]) best = [chain, way];
  }
  return best;
}

/** A flat ring without positions that repeat the one before. */
function flat(positions: readonly Position[]): Float64Array {
  const kept = positions.filter(([x, y], i) => {
    const before = positions[(i + positions.length - 1) % positions.length];
    return x !== before[0] || y !== before[1];
  });
  return Float64Array.from(kept.flat());
}

/** The polygon a hole lies in: the one most of its corners are in, for some may touch. */
function around(hole: Float64Array, polygons: Float64Array[][]): Float64Array[] {
  let best = polygons[0];
  let most = -1;
  for (const polygon of polygons.length > 1 ? polygons : []) {
    let inside = 0;
    for (let i = 0; i < hole.length; i += 2) if (contains(polygon[0], hole[i], hole[i + 1])) inside++;
    if (inside > most) [best, most] = [polygon, inside];
  }
  return best;
}

function contains(ring: Float64Array, x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    if (ring[i + 1] > y === ring[j + 1] > y) continue;
    if (x < ring[i] + ((y - ring[i + 1]) / (ring[j + 1] - ring[i + 1])) * (ring[j] - ring[i])) inside = !inside;
  }
  return inside;
}
