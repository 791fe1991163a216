/**
 * @file Rings of the lattice in coordinates of the output. A straight line of one system is bent in another, so long edges get points in between:
 * shared edges the same ones, whichever way they are walked. Units: pixels in, units of the output's system out.
 */
import type { Point } from "../crs/index.js";
import type { Transform } from "../raster/index.js";

const EARTH_RADIUS = 6_371_000;
/** How far an edge may leave the true curve, in pixels. */
const BEND = 0.1;

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
  const longest = Math.max(1, Math.sqrt((8 * BEND * EARTH_RADIUS) / metresPerPixel));
  const at = (x: number, y: number) => convert(plane(x, y));
  return {
    ring(points) {
      const out: number[] = [];
      for (let i = 0; i < points.length; i += 2) {
        const j = (i + 2) % points.length;
        out.push(...at(points[i], points[i + 1]));
        addBetween(out, [points[i], points[i + 1]], [points[j], points[j + 1]], longest, at);
      }
      return turn(Float64Array.from(out));
    },
  };
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

/** Points that divide an edge into parts of at most `longest` pixels, reckoned from the same end both ways. */
function addBetween(out: number[], a: Point, b: Point, longest: number, at: (x: number, y: number) => Point): void {
  const parts = Math.ceil(Math.hypot(b[0] - a[0], b[1] - a[1]) / longest);
  const swapped = a[1] > b[1] || (a[1] === b[1] && a[0] > b[0]);
  const [from, to] = swapped ? [b, a] : [a, b];
  for (let k = 1; k < parts; k++) {
    const share = (swapped ? parts - k : k) / parts;
    out.push(...at(from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])));
  }
}

function reversed(flat: Float64Array): Float64Array {
  const out = new Float64Array(flat.length);
  for (let i = 0; i < flat.length; i += 2) {
    out[i] = flat[flat.length - 2 - i];
    out[i + 1] = flat[flat.length - 1 - i];
  }
  return out;
}
