/**
 * @file Fewer corners without gaps, overlaps or crossings: Visvalingam's method (Visvalingam and Whyatt 1993, https://doi.org/10.1179/000870493786962263)
 * over the arcs of a stripe, which neighbours share. A corner is dropped while the triangle it makes with its neighbours is smaller than tolerance x
 * tolerance, smallest first, and only if no other corner lies in or on that triangle: then nothing is crossed, and nothing changes sides.
 * Ends, the frame of the raster and four corners of a ring stay. Units: pixels.
 */
import { createHeap, type Heap } from "./heap.js";
import type { Arc } from "./trace.js";

/** Side of a cell of the table of corners. */
const CELL = 8;

/** The lattice lines of a stripe, and the raster they are in. */
export interface Stripe {
  readonly top: number;
  readonly bottom: number;
  readonly width: number;
  readonly height: number;
}

/** Drops corners of all arcs of a stripe, in place, arc by arc in their order. */
export function simplifyArcs(arcs: readonly Arc[], tolerance: number, stripe: Stripe): void {
  if (tolerance <= 0) return;
  const corners = createCorners(arcs, stripe);
  const straight = new Set<number>();
  for (const { points, departs } of arcs) if (points.length === 4 && departs >= 0) straight.add(pairOf(points, stripe));
  const heap = createHeap();
  let first = 0;
  for (const arc of arcs) {
    const count = arc.points.length / 2;
    if (count > 2) arc.points = simplifyArc({ arc, first, corners, straight, stripe, heap, limit: 2 * tolerance ** 2 });
    first += count;
  }
}

interface Work {
  readonly arc: Arc;
  /** Number of the arc's first corner in the table. */
  readonly first: number;
  readonly corners: Corners;
  /** Arcs that are one straight line, by their ends: two of them with the same ends would lie on each other. */
  readonly straight: Set<number>;
  readonly stripe: Stripe;
  readonly heap: Heap;
  /** Twice the area below which a corner goes. */
  readonly limit: number;
}

function simplifyArc(work: Work): number[] {
  const { arc, heap, limit } = work;
  const count = arc.points.length / 2;
  const ring = arc.departs < 0;
  const chain = startChain(count, ring);
  const least = ring ? 4 : sameEnds(arc.points) ? 5 : 2;
  const consider = (i: number) => {
    const area = removable(work, i, ring, count) ? twiceArea(arc.points, chain.before[i], i, chain.after[i]) : limit;
    chain.area[i] = area;
    if (area < limit) heap.push(area, i);
  };
  heap.clear();
  for (let i = 0; i < count; i++) consider(i);
  for (let next = heap.pop(); next && chain.left > least; next = heap.pop()) {
    const { key, item: i } = next;
    if (chain.area[i] !== key || !mayGo(work, chain, i)) continue;
    chain.left--;
    chain.area[i] = -1;
    work.corners.drop(work.first + i);
    const [before, after] = [chain.before[i], chain.after[i]];
    chain.after[before] = after;
    chain.before[after] = before;
    consider(before);
    consider(after);
  }
  if (chain.left === 2) work.straight.add(pairOf(arc.points, work.stripe));
  return arc.points.filter((_, k) => chain.area[k >> 1] !== -1);
}

function startChain(count: number, ring: boolean) {
  const before = Int32Array.from({ length: count }, (_, i) => i - 1);
  const after = Int32Array.from({ length: count }, (_, i) => i + 1);
  if (ring) [before[0], after[count - 1]] = [count - 1, 0];
  return { before, after, area: new Float64Array(count), left: count };
}

type Chain = ReturnType<typeof startChain>;

const sameEnds = (points: readonly number[]) =>
  points[0] === points[points.length - 2] && points[1] === points[points.length - 1];

/** Ends and corners on the frame stay. */
function removable({ arc: { points }, stripe }: Work, i: number, ring: boolean, count: number): boolean {
  if (!ring && (i === 0 || i === count - 1)) return false;
  const [x, y] = [points[2 * i], points[2 * i + 1]];
  return x > 0 && y > 0 && x < stripe.width && y < stripe.height;
}

function twiceArea(points: readonly number[], a: number, b: number, c: number): number {
  const [ax, ay] = [points[2 * a], points[2 * a + 1]];
  return Math.abs((points[2 * b] - ax) * (points[2 * c + 1] - ay) - (points[2 * c] - ax) * (points[2 * b + 1] - ay));
}

function mayGo({ arc: { points }, corners, straight, stripe }: Work, chain: Chain, i: number): boolean {
  const [a, c] = [chain.before[i], chain.after[i]];
  const [ay, cy] = [points[2 * a + 1], points[2 * c + 1]];
  if (stripe.top > 0 && ay === stripe.top && cy === stripe.top) return false; // that line is the stripe's above
  if (chain.left === 3 && straight.has(pairOf(points, stripe))) return false;
  return corners.emptyTriangle(points, a, i, c);
}

/** One number for an arc's two ends, whichever comes first. */
function pairOf(points: readonly number[], { top, bottom, width }: Stripe): number {
  const place = (i: number) => (points[i + 1] - top) * (width + 1) + points[i];
  const [a, b] = [place(0), place(points.length - 2)];
  return Math.min(a, b) * (bottom - top + 1) * (width + 1) + Math.max(a, b);
}

/** All corners of a stripe in square cells, by their number in the order of the arcs. */
interface Corners {
  drop(corner: number): void;
  /** Whether no corner but a, b and c themselves lies in the triangle of an arc's corners or on its edge. */
  emptyTriangle(points: readonly number[], a: number, b: number, c: number): boolean;
}

function createCorners(arcs: readonly Arc[], { top, bottom, width }: Stripe): Corners {
  const total = arcs.reduce((sum, { points }) => sum + points.length / 2, 0);
  const across = Math.floor(width / CELL) + 1;
  const heads = new Int32Array(across * (Math.floor((bottom - top) / CELL) + 1)).fill(-1);
  const next = new Int32Array(total);
  const xs = new Int32Array(total);
  const ys = new Int32Array(total);
  let count = 0;
  for (const { points } of arcs) {
    for (let i = 0; i < points.length; i += 2, count++) {
      const cell = Math.floor((points[i + 1] - top) / CELL) * across + Math.floor(points[i] / CELL);
      xs[count] = points[i];
      ys[count] = points[i + 1];
      next[count] = heads[cell];
      heads[cell] = count;
    }
  }
  return {
    drop: (corner) => {
      xs[corner] = -1; // out of every triangle; it stays in its list
    },
    emptyTriangle(points, a, b, c) {
      const [ax, ay, bx, by] = [points[2 * a], points[2 * a + 1], points[2 * b], points[2 * b + 1]];
      const [cx, cy] = [points[2 * c], points[2 * c + 1]];
      const [left, right] = [Math.min(ax, bx, cx), Math.max(ax, bx, cx)];
      const [up, down] = [Math.min(ay, by, cy), Math.max(ay, by, cy)];
      for (let row = Math.floor((up - top) / CELL); row <= Math.floor((down - top) / CELL); row++) {
        for (let column = Math.floor(left / CELL); column <= Math.floor(right / CELL); column++) {
          for (let k = heads[row * across + column]; k >= 0; k = next[k]) {
            const [x, y] = [xs[k], ys[k]];
            if (x < left || x > right || y < up || y > down) continue;
            if ((x === ax && y === ay) || (x === bx && y === by) || (x === cx && y === cy)) continue;
            if (inTriangle(x, y, ax, ay, bx, by, cx, cy)) return false;
          }
        }
      }
      return true;
    },
  };
}

function inTriangle(
  x: number,
  y: number,
  ax: number,
  ay: number,
  bx: number,
  by: number,
  cx: number,
  cy: number,
): boolean {
  const ab = (bx - ax) * (y - ay) - (by - ay) * (x - ax);
  const bc = (cx - bx) * (y - by) - (cy - by) * (x - bx);
  const ca = (ax - cx) * (y - cy) - (ay - cy) * (x - cx);
  return (ab >= 0 && bc >= 0 && ca >= 0) || (ab <= 0 && bc <= 0 && ca <= 0);
}
