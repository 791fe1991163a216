/**
 * @file Polygons of longitude and latitude that cross 180 degrees or go round a pole, cut there as RFC 7946 section 3.1.9 asks. The map from -180 to 180
 * is a rectangle with two sides that are one line: rings are cut into chains at it, and the chains joined again along the rectangle's edge, which is
 * walked counter-clockwise (after Weiler and Atherton 1977, https://doi.org/10.1145/563858.563896). Units: degrees.
 */
import type { PolygonRings } from "./feature.js";
import { type Position, simpleLoops, turnFrom } from "./loops.js";
import { twiceSignedArea } from "./rings.js";
import { relinked } from "./relink.js";

/** A part of a ring between two crossings of the line, within -180..180. */
interface Chain {
  readonly positions: Position[];
  used: boolean;
}

/** Parts below it, in square degrees, are where a ring only touches the line. */
const NOTHING = 1e-13;
/** What lies as near to the line is on it: conversions are no more exact. Some tenths of a millimetre. */
const ON_LINE = 1e-9;

/**
 * Cuts one polygon, its exterior counter-clockwise and first, into those within -180..180; none where nothing is left of it. `wraps`: longitudes jump
 * from 180 to -180, as conversions give them; else they run on beyond. `decimals`: those of the text the polygons become, to which they are rounded
 * before they are cut, so that no part is written that rounding would leave without area.
 */
export function cutAtAntimeridian(rings: PolygonRings, wraps: boolean, decimals?: number): PolygonRings[] {
  if (!rings.some((ring) => leavesMap(ring, wraps))) return [rings];
  const rounded = roundingTo(decimals);
  const loops: Position[][] = [];
  const chains: Chain[] = [];
  const running = rings.map((ring) => runningOn(ring.map(rounded), wraps));
  for (const ring of running) {
    const parts = cutRing(ring, rounded);
    if (parts.length === 1 && !isOnEdge(parts[0][0])) loops.push(parts[0].slice(0, -1));
    else for (const positions of parts) chains.push({ positions, used: false });
  }
  const cut = [...joinChains(chains).flatMap(simpleLoops), ...loops];
  const seam = seamOf(running[0], rounded);
  const outlines = relinked(cut, seam).map((loop) => Float64Array.from(loop.flat()));
  const exteriors = outlines.filter((ring) => twiceSignedArea(fromFirst(ring)) > NOTHING);
  const holes = outlines.filter((ring) => twiceSignedArea(fromFirst(ring)) < -NOTHING);
  const polygons = exteriors.map((exterior) => [exterior]);
  for (const hole of holes) around(hole, polygons).push(hole);
  return polygons;
}

/** To so many decimals as writers round; to none where there is no number of them. */
function roundingTo(decimals: number | undefined): (degrees: number) => number {
  if (decimals === undefined) return (degrees) => degrees;
  const unit = 10 ** decimals;
  return (degrees) => Math.round(degrees * unit) / unit;
}

/** The meridian where the west side of an exterior that goes once round the earth is its east side, if it is not that of 180 degrees. */
function seamOf(exterior: readonly Position[], rounded: (degrees: number) => number): number | undefined {
  let [west, east] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [x] of exterior) [west, east] = [Math.min(west, x), Math.max(east, x)];
  const isClosed = exterior[exterior.length - 1][0] === exterior[0][0]; // one about a pole has no sides
  const seam = rounded(west - 360 * Math.floor((west + 180) / 360));
  return isClosed && Math.abs(east - west - 360) < ON_LINE && seam !== -180 ? seam : undefined;
}

/** A ring moved to the origin, where the area of a sliver is not lost among its large coordinates. */
const fromFirst = (ring: Float64Array) => ring.map((value, i) => value - ring[i % 2]);

const isOnEdge = ([x]: Position) => Math.abs(x) === 180;

function leavesMap(ring: Float64Array, wraps: boolean): boolean {
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    if (Math.abs(ring[i]) > 180) return true;
    if (wraps && (isPole(ring[i + 1]) || Math.abs(ring[i] - ring[j]) > 180)) return true;
  }
  return false;
}

const isPole = (latitude: number) => Math.abs(latitude) > 90 - ON_LINE;

/** Positions without jumps; the first is repeated at the end, a turn on where the ring goes round a pole. */
function runningOn(ring: Float64Array, wraps: boolean): Position[] {
  const given = Array.from({ length: ring.length / 2 }, (_, i): Position => [ring[2 * i], ring[2 * i + 1]]);
  if (!wraps) return [...given, given[0]].map(snapped);
  const start = given.findIndex(([, y]) => !isPole(y));
  const out: Position[] = [snapped(given[start])];
  for (let i = 1; i <= given.length; i++) {
    const [x, y] = given[(start + i) % given.length];
    const last = out[out.length - 1];
    if (isPole(y)) out.push([last[0], 90 * Math.sign(y)]);
    else if (isPole(last[1])) out.push(snapped([beyondPole(x, last), last[1]]), snapped([beyondPole(x, last), y]));
    else out.push(snapped([x + 360 * Math.round((last[0] - x) / 360), y]));
  }
  return out;
}

/** A pole is a side of the map, which has the polygon on its left: walked to the west at the north pole, to the east at the south pole. */
function beyondPole(x: number, [last, pole]: Position): number {
  const turns = (last - x) / 360;
  return x + 360 * (pole > 0 ? Math.floor(turns) : Math.ceil(turns));
}

/** A position, on the line where it is as near as can be told. */
function snapped([x, y]: Position): Position {
  const line = 360 * Math.round((x - 180) / 360) + 180;
  return [Math.abs(x - line) < ON_LINE ? line : x, y];
}

/**
 * A running ring as chains from line to line, each moved to -180..180; edges on a line are left out, for the rectangle's edge is walked there anyhow.
 * A ring that meets no line is one closed chain.
 */
function cutRing(ring: readonly Position[], rounded: (degrees: number) => number): Position[][] {
  const positions = withCrossings(ring, rounded);
  const onLine = ([x]: Position) => (x - 180) % 360 === 0;
  const start = Math.max(0, positions.findIndex(onLine));
  const turn = ring[ring.length - 1][0] - ring[0][0];
  const again = positions.slice(1, start + 1).map(([x, y]): Position => [x + turn, y]);
  const around = [...positions.slice(start), ...again]; // from a line on, if there is one
  const parts: Position[][] = [];
  for (let i = 1; i < around.length; i++) {
    const [from, to] = [around[i - 1], around[i]];
    if (onLine(from) && from[0] === to[0]) continue;
    const strip = Math.floor(((from[0] + to[0]) / 2 + 180) / 360);
    if (i === 1 || onLine(from)) parts.push([[rounded(from[0] - 360 * strip), from[1]]]);
    parts[parts.length - 1].push([rounded(to[0] - 360 * strip), to[1]]);
  }
  return parts;
}

/** A ring with the positions where its edges cross a line between their ends. */
function withCrossings(ring: readonly Position[], rounded: (degrees: number) => number): Position[] {
  const out: Position[] = [ring[0]];
  for (let i = 1; i < ring.length; i++) {
    const [from, to] = [ring[i - 1], ring[i]];
    const step = Math.sign(to[0] - from[0]);
    const first =
      step > 0 ? 360 * Math.floor((from[0] + 180) / 360) + 180 : 360 * Math.ceil((from[0] - 180) / 360) - 180;
    for (let line = first; step * (to[0] - line) > 0; line += 360 * step) {
      if (line !== from[0]) out.push([line, rounded(latitudeAt(line, from, to))]);
    }
    if (to[0] !== from[0] || to[1] !== from[1]) out.push(to);
  }
  return out;
}

/** Reckoned from the western end both ways, so that neighbours are cut in the same point. */
function latitudeAt(line: number, a: Position, b: Position): number {
  const [west, east] = a[0] < b[0] ? [a, b] : [b, a];
  return west[1] + ((line - west[0]) / (east[0] - west[0])) * (east[1] - west[1]);
}

/** Way along the rectangle's edge, counter-clockwise from its lower right corner, the sides along the poles counted as 1. */
const edgeAt = ([x, y]: Position) => (x > 0 ? 90 + y : 271 - y);
const [UPPER_LEFT, EDGE] = [181, 362];

function joinChains(chains: readonly Chain[]): Position[][] {
  const rings: Position[][] = [];
  for (const first of chains) {
    if (first.used) continue;
    const ring: Position[] = [];
    for (let chain = first; !chain.used; ) {
      chain.used = true;
      ring.push(...chain.positions);
      const from = edgeAt(chain.positions[chain.positions.length - 1]);
      const [next, way] = nextStart(chains, chain, first);
      for (let turn = 0; turn <= EDGE; turn += EDGE) {
        const [top, bottom] = [turn + UPPER_LEFT, turn + EDGE];
        if (from < top && from + way >= top) ring.push([180, 90], [-180, 90]);
        if (from < bottom && from + way >= bottom) ring.push([-180, -90], [180, -90]);
      }
      chain = next;
    }
    rings.push(ring);
  }
  return rings;
}

/**
 * The chain that goes on where one ends, and how far along the edge it begins: one from the same point where the polygon lies between the two, else the
 * next one.
 */
function nextStart(chains: readonly Chain[], ended: Chain, first: Chain): readonly [Chain, number] {
  const { positions } = ended;
  const [before, end] = positions.slice(-2);
  const edgeTurn = turnFrom(end, before, [end[0], end[1] + (end[0] > 0 ? 1 : -1)]);
  let best: readonly [Chain, number] = [first, Number.POSITIVE_INFINITY];
  let nearest = edgeTurn;
  for (const chain of chains) {
    if (chain.used && chain !== first) continue;
    const way = (edgeAt(chain.positions[0]) - edgeAt(end) + EDGE) % EDGE;
    if (way > 0 && nearest === edgeTurn && way < best[1]) best = [chain, way];
    const turn = way === 0 ? turnFrom(end, before, chain.positions[1]) : edgeTurn;
    if (turn < nearest) [nearest, best] = [turn, [chain, 0]];
  }
  return best;
}

/** The polygon a hole lies in: the one most of its corners are in, for some may touch. */
function around(hole: Float64Array, polygons: Float64Array[][]): Float64Array[] {
  let best = polygons[0];
  if (!best) throw new Error("internal: a hole lies in no polygon");
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
