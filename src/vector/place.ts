/**
 * @file Rings of the lattice in coordinates of the output. A straight line of one system is bent in another, so long edges get points in between:
 * shared edges the same ones, whichever way they are walked. Units: pixels in, units of the output's system out.
 */
import type { Point } from "../crs/index.js";
import type { Transform } from "../raster/index.js";

const EARTH_RADIUS = 6_371_000;
/** How far an edge may leave the true curve, in pixels. */
const BEND = 0.1;
/** Halvings of an edge; an edge that passes a pole by a millionth of its length needs that many. */
const DEEPEST = 24;
/** Degrees of longitude an edge may go over: at 180 no one could tell which way. */
const WIDEST = 170;

/** Where lattice points lie. */
export interface Place {
  /** A flat ring, turned so that its direction on the ground is that on the picture of a north-up raster. */
  ring(points: readonly number[]): Float64Array;
}

/** How a lattice is placed. */
export interface PlaceOptions {
  readonly transform: Transform;
  /** To the output's system; absent where it is the raster's own. */
  readonly convert?: (point: Point) => Point;
  /** Side of a pixel on the ground, for the points in between. */
  readonly metresPerPixel: number;
}

/** The place of a raster's lattice. */
export function placeOf({ transform: t, convert, metresPerPixel }: PlaceOptions): Place {
  const turn = t[1] * t[5] - t[2] * t[4] > 0 ? reversed : (ring: Float64Array) => ring;
  const plane = (x: number, y: number): Point => [t[0] + x * t[1] + y * t[2], t[3] + x * t[4] + y * t[5]];
  if (!convert) return { ring: (points) => turn(straight(points, t)) };
  const at = (x: number, y: number): Spot => ({ x, y, place: convert(plane(x, y)) });
  const within = edgeDivider(at, metresPerPixel);
  return {
    ring(points) {
      const corners = Array.from({ length: points.length / 2 }, (_, i) => at(points[2 * i], points[2 * i + 1]));
      const out = corners.flatMap((corner, i) => [corner.place, ...within(corner, corners[(i + 1) % corners.length])]);
      return turn(Float64Array.from(out.flat()));
    },
  };
}

/** A place on an edge, on the lattice and in longitude and latitude. */
interface Spot {
  readonly x: number;
  readonly y: number;
  readonly place: Point;
}

/** A ring in the raster's own system, where straight edges stay straight. */
function straight(points: readonly number[], t: Transform): Float64Array {
  const out = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    out[i] = t[0] + points[i] * t[1] + points[i + 1] * t[2];
    out[i + 1] = t[3] + points[i] * t[4] + points[i + 1] * t[5];
  }
  return out;
}

/**
 * Finds the points an edge needs between its ends, reckoned from the same end both ways: parts that are short enough in the middle of the earth, and
 * halves of those that bend more, as they do about the poles.
 */
function edgeDivider(at: (x: number, y: number) => Spot, metres: number): (a: Spot, b: Spot) => Point[] {
  const longest = Math.max(1, Math.sqrt((8 * BEND * EARTH_RADIUS) / metres));
  const middleOf = (a: Spot, b: Spot) => at((a.x + b.x) / 2, (a.y + b.y) / 2);
  const halve = (a: Spot, b: Spot, depth: number, out: Point[]): void => {
    if (depth > DEEPEST || isPlainlyStraight(a, b, metres)) return;
    const middle = middleOf(a, b);
    if (bend(a, middle, b) <= BEND) return;
    halve(a, middle, depth + 1, out);
    out.push(middle.place);
    halve(middle, b, depth + 1, out);
  };
  return (a, b) => {
    const parts = Math.ceil(lengthOf(a, b) / longest);
    const swapped = a.y > b.y || (a.y === b.y && a.x > b.x);
    const [from, to] = swapped ? [b, a] : [a, b];
    const out: Point[] = [];
    for (let k = 1, last = from; k <= parts; k++) {
      const share = k / parts;
      const next = k === parts ? to : at(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y));
      halve(last, next, 0, out);
      if (k < parts) out.push(next.place);
      last = next;
    }
    return swapped ? out.reverse() : out;
  };
}

const lengthOf = (a: Spot, b: Spot) => Math.hypot(b.x - a.x, b.y - a.y);

/** Whether an edge is too short to bend, a parallel's curvature with four times its due: no point of it is converted then. */
function isPlainlyStraight(a: Spot, b: Spot, metres: number): boolean {
  const latitude = radians(Math.max(Math.abs(a.place[1]), Math.abs(b.place[1])));
  return 4 * lengthOf(a, b) ** 2 * metres * (1 + Math.abs(Math.tan(latitude))) < 8 * BEND * EARTH_RADIUS;
}

/** How far the middle of an edge lies from the straight line of longitude and latitude between its ends, in pixels as they are there. */
function bend(a: Spot, { place: [x, y] }: Spot, b: Spot): number {
  const [fromA, fromB] = [a, b].map(({ place }) => place[0] - x - 360 * Math.round((place[0] - x) / 360));
  const [latitudeA, latitudeB] = [a.place[1], b.place[1]];
  const toA = Math.abs(latitudeA) === 90 ? fromB : fromA; // a pole has the longitude of what leads to it
  const toB = Math.abs(latitudeB) === 90 ? fromA : fromB;
  if (Math.abs(toB - toA) > WIDEST) return Number.POSITIVE_INFINITY;
  const mean = (latitudeA + latitudeB) / 2;
  const off = Math.hypot(((toA + toB) / 2) * Math.cos(radians(y)), mean - y);
  const length = Math.hypot((toB - toA) * Math.cos(radians(mean)), latitudeB - latitudeA);
  return length > 0 ? (off / length) * lengthOf(a, b) : 0;
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

function reversed(flat: Float64Array): Float64Array {
  const out = new Float64Array(flat.length);
  for (let i = 0; i < flat.length; i += 2) {
    out[i] = flat[flat.length - 2 - i];
    out[i + 1] = flat[flat.length - 1 - i];
  }
  return out;
}
