/**
 * @file Polygons burnt into a raster of labels: a pixel belongs to a polygon when its centre does, by GDAL's rule for ties.
 * Source: OSGeo/gdal, alg/llrasterize.cpp (GDALdllImageFilledPolygon). Units: pixels; pixel (0, 0) spans 0..1.
 */
import type { Point } from "../crs/index.js";
import type { Polygon } from "./geojson.js";

/** A polygon in pixel coordinates with the label it gives. */
export interface BurnShape {
  readonly rings: Polygon;
  readonly label: number;
  /** Smallest and largest x and y of the rings. */
  readonly box: readonly [number, number, number, number];
}

/** Makes a shape of rings in pixel coordinates. */
export function burnShape(rings: Polygon, label: number): BurnShape {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of rings) {
    for (const [x, y] of ring) {
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x);
      bottom = Math.max(bottom, y);
    }
  }
  return { rings, label, box: [left, top, right, bottom] };
}

/** A rectangle of pixels. */
interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Labels of a window [height, width]: 0 outside all shapes; where shapes overlap the later one counts. */
export function burn(shapes: readonly BurnShape[], window: Area): Uint8Array {
  const out = new Uint8Array(window.width * window.height);
  for (const shape of shapes) {
    const [left, top, right, bottom] = shape.box;
    if (right < window.x || left > window.x + window.width || bottom < window.y || top > window.y + window.height)
      continue;
    fillShape(shape, window, out);
  }
  return out;
}

function fillShape({ rings, label, box }: BurnShape, { x, y, width, height }: Area, out: Uint8Array): void {
  const first = Math.max(0, Math.floor(box[1]) - y);
  const last = Math.min(height - 1, Math.ceil(box[3]) - y);
  const crossings = crossingRows(rings, y + first, last - first + 1);
  const fill = (row: number, from: number, to: number) => {
    const start = Math.max(0, Math.floor(from + 0.5) - x);
    const end = Math.min(width, Math.floor(to + 0.5) - x);
    if (end > start) out.fill(label, row * width + start, row * width + end);
  };
  for (let row = first; row <= last; row++) {
    const { cuts, level } = crossings[row - first];
    cuts.sort((a, b) => a - b);
    for (let i = 0; i + 1 < cuts.length; i += 2) fill(row, cuts[i], cuts[i + 1]);
    for (const [from, to] of level) fill(row, from, to);
  }
}

interface Row {
  /** Where edges cross the row of centres. */
  readonly cuts: number[];
  /** Edges that lie on it and run towards smaller x: GDAL fills them. */
  readonly level: [number, number][];
}

/** What the rows of centres y + 0.5 from `top` on meet. An edge owns its upper end, not its lower one. */
function crossingRows(rings: Polygon, top: number, count: number): Row[] {
  const rows = Array.from({ length: Math.max(count, 0) }, (): Row => ({ cuts: [], level: [] }));
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i++) addEdge(ring[(i + ring.length - 1) % ring.length], ring[i], rows, top);
  }
  return rows;
}

function addEdge(from: Point, to: Point, rows: Row[], top: number): void {
  if (from[1] === to[1]) {
    const row = from[1] - 0.5 - top;
    if (from[0] > to[0] && Number.isInteger(row) && row >= 0 && row < rows.length)
      rows[row].level.push([to[0], from[0]]);
    return;
  }
  const [[x1, y1], [x2, y2]] = from[1] < to[1] ? [from, to] : [to, from];
  const start = Math.max(0, Math.ceil(y1 - 0.5 - top));
  const end = Math.min(rows.length - 1, Math.ceil(y2 - 0.5 - top) - 1);
  for (let row = start; row <= end; row++) {
    rows[row].cuts.push(((top + row + 0.5 - y1) * (x2 - x1)) / (y2 - y1) + x1);
  }
}
