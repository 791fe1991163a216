/**
 * @file Borders between regions as arcs: chains of pixel edges from node to node with one region on each side, found line by line. A lattice point is
 * a node where three or more edges meet, so a diagonal touch of two pixels is one, and where a chain crosses the last line of a stripe: arcs
 * end with the stripe, and only one stripe of them is ever under work. Corners only: no point lies within a straight part.
 * Lattice: x to the right, y down, point (x, y) is the top left corner of pixel (x, y).
 */

/** Headings of an arc at its ends, clockwise. */
export const NORTH = 0;
export const EAST = 1;
export const SOUTH = 2;
export const WEST = 3;

/** A finished arc. A closed one without a node has the heading -1 at both ends, and its first point is not repeated. */
export interface Arc {
  /** x, y of its points from end to end. */
  points: number[];
  /** Region on the left of its direction as one sees it on the picture; 0 is outside. */
  readonly left: number;
  readonly right: number;
  /** Heading at the first point, and at the last one. */
  readonly departs: number;
  readonly arrives: number;
}

interface Chain {
  /** Points behind (0) and ahead (1) of where it began, both outwards: x, y, x, y. */
  readonly parts: [number[], number[]];
  /** The ends that still grow. */
  readonly open: [End | undefined, End | undefined];
  /** Edge at a node end, seen from the node. */
  readonly edges: [number, number];
  readonly left: number;
  readonly right: number;
}

interface End {
  chain: Chain;
  side: 0 | 1;
}

/** Takes the lines of a lattice from the top down and hands over finished arcs. */
export interface Tracer {
  /** The line between two rows of regions, the first above the second; `isLast`: of its stripe. */
  line(y: number, above: Uint32Array, below: Uint32Array, isLast: boolean): void;
}

/** A tracer of rows of `width` pixels. */
export function traceArcs(width: number, done: (arc: Arc) => void): Tracer {
  const down = Array.from({ length: width + 1 }, (): End | undefined => undefined); // chains that cross the line, by x
  return {
    line(y, above, below, isLast) {
      let right: End | undefined;
      for (let x = 0, nw = 0, sw = 0; x <= width; x++) {
        const ne = x < width ? above[x] : 0;
        const se = x < width ? below[x] : 0;
        if (ne !== nw || se !== sw || ne !== se || nw !== sw) {
          right = point({ x, y, nw, ne, sw, se }, down, right, isLast, done);
        }
        nw = ne;
        sw = se;
      }
    },
  };
}

interface Corner {
  readonly x: number;
  readonly y: number;
  readonly nw: number;
  readonly ne: number;
  readonly sw: number;
  readonly se: number;
}

/** Works on one lattice point; gives the chain that leaves it to the east. */
function point(
  corner: Corner,
  down: (End | undefined)[],
  west: End | undefined,
  isLast: boolean,
  done: (arc: Arc) => void,
): End | undefined {
  const { x, nw, ne, sw, se } = corner;
  const [hasN, hasE, hasS, hasW] = [nw !== ne, ne !== se, sw !== se, nw !== sw];
  const degree = Number(hasN) + Number(hasE) + Number(hasS) + Number(hasW);
  if (degree > 2 || (isLast && hasS)) {
    if (hasN) arrive(down[x]!, corner, NORTH, done);
    if (hasW) arrive(west!, corner, WEST, done);
    down[x] = hasS ? depart(corner, SOUTH, se, sw) : undefined;
    return hasE ? depart(corner, EAST, ne, se) : undefined;
  }
  if (hasN && hasS) return undefined;
  if (hasE && hasW) return west;
  if (hasN && hasW) {
    meet(down[x]!, west!, corner, done);
    down[x] = undefined;
    return undefined;
  }
  if (hasN) return moveTo(down, x, grow(down[x]!, corner));
  if (hasW) {
    down[x] = grow(west!, corner);
    return undefined;
  }
  const chain = begin(corner, se, ne);
  chain.open[1] = { chain, side: 1 };
  chain.open[0] = { chain, side: 0 };
  down[x] = chain.open[1];
  return chain.open[0];
}

function moveTo(down: (End | undefined)[], x: number, end: End): End {
  down[x] = undefined;
  return end;
}

const begin = ({ x, y }: Corner, left: number, right: number): Chain => ({
  parts: [[], [x, y]],
  open: [undefined, undefined],
  edges: [-1, -1],
  left,
  right,
});

/** A chain that begins at a node. */
function depart(corner: Corner, edge: number, left: number, right: number): End {
  const chain = begin(corner, left, right);
  chain.edges[0] = edge;
  const end: End = { chain, side: 1 };
  chain.open[1] = end;
  return end;
}

function grow(end: End, { x, y }: Corner): End {
  end.chain.parts[end.side].push(x, y);
  return end;
}

/** An end comes to a node; the arc is finished where both did. */
function arrive(end: End, corner: Corner, edge: number, done: (arc: Arc) => void): void {
  const { chain, side } = grow(end, corner);
  chain.edges[side] = edge;
  chain.open[side] = undefined;
  if (!chain.open[1 - side]) finish(chain, done);
}

/** Two ends meet at a turn: a ring is closed, or two chains become one. */
function meet(a: End, b: End, corner: Corner, done: (arc: Arc) => void): void {
  const [to, from] = length(a.chain) >= length(b.chain) ? [a, b] : [b, a];
  grow(to, corner);
  if (a.chain === b.chain) {
    finish(a.chain, done);
    return;
  }
  append(to, from);
  if (!to.chain.open[0] && !to.chain.open[1]) finish(to.chain, done);
}

const length = ({ parts }: Chain) => parts[0].length + parts[1].length;

/** All points of a chain from one of its ends on, put at the end of another; the far end takes its place. */
function append({ chain: to, side }: End, { chain: from, side: near }: End): void {
  const out = to.parts[side];
  const [first, second] = [from.parts[near], from.parts[1 - near]];
  for (let i = first.length - 2; i >= 0; i -= 2) out.push(first[i], first[i + 1]);
  for (let i = 0; i < second.length; i++) out.push(second[i]);
  const far = from.open[1 - near];
  to.edges[side] = from.edges[1 - near];
  to.open[side] = far;
  if (!far) return;
  far.chain = to;
  far.side = side;
}

function finish({ parts: [behind, ahead], edges, left, right }: Chain, done: (arc: Arc) => void): void {
  const points: number[] = [];
  for (let i = behind.length - 2; i >= 0; i -= 2) points.push(behind[i], behind[i + 1]);
  for (let i = 0; i < ahead.length; i++) points.push(ahead[i]);
  const arrives = edges[1] < 0 ? -1 : (edges[1] + 2) % 4; // the edge it came along lies behind it
  done({ points, left, right, departs: edges[0], arrives });
}
