/**
 * @file Outlines carried from one reference system to another: straight lines of one are curves in the other.
 */
import type { Point } from "../crs/index.js";
import type { Polygon } from "../dataset/geojson.js";

/** Smallest and largest coordinates. */
export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** The bounds of points; those a projection has no place for are left out. */
export function boxOf(points: readonly Point[]): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return [left, top, right, bottom];
}

/** What two boxes have in common; of no area where that is nothing. */
export const commonBox = (a: Box, b: Box): Box => [
  Math.max(a[0], b[0]),
  Math.max(a[1], b[1]),
  Math.min(a[2], b[2]),
  Math.min(a[3], b[3]),
];

/**
 * Closed rings cut to a box, each for itself: where a part of one lies outside it runs along the box instead. Rings outside are left out.
 * Source: Sutherland and Hodgman 1974, https://doi.org/10.1145/360767.360802
 */
export function cut(rings: Polygon, [left, top, right, bottom]: Box): Polygon {
  const sides = [
    [0, 1, left],
    [0, -1, right],
    [1, 1, top],
    [1, -1, bottom],
  ] as const;
  const inside = rings.map((ring) =>
    sides.reduce<readonly Point[]>((points, [axis, sign, limit]) => cutAt(points, axis, sign, limit), ring),
  );
  return inside.filter((ring) => ring.length >= 3);
}

/** The part of a ring where sign * (coordinate - limit) >= 0. */
function cutAt(ring: readonly Point[], axis: 0 | 1, sign: 1 | -1, limit: number): Point[] {
  const beyond = (point: Point) => sign * (point[axis] - limit);
  const out: Point[] = [];
  for (const [i, to] of ring.entries()) {
    const from = ring.at(i - 1) ?? to;
    const [before, after] = [beyond(from), beyond(to)];
    if ((before < 0 && after > 0) || (before > 0 && after < 0)) {
      const share = before / (before - after);
      const crossing = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])] as const;
      out.push(axis === 0 ? [limit, crossing[1]] : [crossing[0], limit]);
    }
    if (after >= 0) out.push(to);
  }
  return out;
}

/** How far, in pixels, a straight line may lie from the curve it stands for, and how often a line is halved to get there. */
const TOLERANCE = 0.05;
const MOST_HALVINGS = 10;

/** Closed rings converted to pixels, with points added where the converted middle of a line lies off the line between its converted ends. */
export function densified(rings: Polygon, convert: (point: Point) => Point): Point[][] {
  return rings.map((ring) => {
    const out: Point[] = [];
    for (let i = 0; i < ring.length; i++) {
      const [from, to] = [ring[i], ring[(i + 1) % ring.length]];
      addLine(out, [from, convert(from)], [to, convert(to)], convert, 0);
    }
    return out;
  });
}

type Both = readonly [given: Point, converted: Point];

/** Adds the points of a line but its last. Two halvings are always made: a symmetric curve crosses its chord's middle. */
function addLine(out: Point[], from: Both, to: Both, convert: (point: Point) => Point, depth: number): void {
  const [[[ax, ay], a], [[bx, by], b]] = [from, to];
  const middle: Point = [(ax + bx) / 2, (ay + by) / 2];
  const m = convert(middle);
  const off = Math.hypot(m[0] - (a[0] + b[0]) / 2, m[1] - (a[1] + b[1]) / 2);
  if (depth >= MOST_HALVINGS || (depth >= 2 && !(off > TOLERANCE)) || (ax === bx && ay === by)) {
    out.push(a);
    return;
  }
  addLine(out, from, [middle, m], convert, depth + 1);
  addLine(out, [middle, m], to, convert, depth + 1);
}
