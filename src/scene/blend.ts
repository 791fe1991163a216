/**
 * @file Overlapping windows of a scene blended without a raster of sums or weights: what is carried is the strip a window shares with the next one, and
 * for the row the strip it shares with the row below. Sums are made in a fixed order (a window, those left of it, those above), so the same
 * windows give the same bits. Units: pixels; probabilities [planes, H, W].
 */
import type { Axis, Window } from "../raster/index.js";
import type { CarryStore } from "./carry.js";

/** One class's values in a window: row y starts at y * stride. */
export interface Plane {
  readonly data: Float32Array;
  readonly stride: number;
}

/** Windows of a scene and their weights along each axis. */
export interface BlendPlan {
  readonly columns: Axis;
  readonly rows: Axis;
  readonly columnWeights: readonly Float64Array[];
  readonly rowWeights: readonly Float64Array[];
}

/** A part of the scene no later window touches: the upper left of its window's planes. */
export interface FinalBlock extends Window {
  readonly planes: readonly Plane[];
}

/** The part of the scene that becomes final with window (column, row): from its start to the next ones'. */
export function finalExtent(
  { columns, rows }: Pick<BlendPlan, "columns" | "rows">,
  column: number,
  row: number,
): Window {
  const [x, y] = [columns.starts[column], rows.starts[row]];
  return { x, y, width: nextStart(columns, column) - x, height: nextStart(rows, row) - y };
}

const nextStart = ({ starts, length }: Axis, i: number) => (i + 1 < starts.length ? starts[i + 1] : length);
const endBefore = ({ starts, ends }: Axis, i: number) => (i > 0 ? Math.max(ends[i - 1], starts[i]) : starts[i]);

/** Blends windows as they come. */
export interface Blender {
  /**
   * Takes a window's planes, which are changed in place, in reading order. Undefined planes: nothing in the window holds data; what was carried
   * into it is let go. `isWeighted`: they are times the window's weights already.
   */
  add(
    column: number,
    row: number,
    planes: readonly Plane[] | undefined,
    isWeighted?: boolean,
  ): Promise<FinalBlock | undefined>;
}

/** A blender that starts at any row; what rows above it would have carried is missing then. */
export function createBlender(plan: BlendPlan, carry: CarryStore): Blender {
  let right: Float32Array | undefined; // of the window to the left: columns from this window's start on
  return {
    async add(column, row, planes, isWeighted = false) {
      const shape = shapeOf(plan, column, row);
      const above = await carry.take(column);
      const left = column > 0 ? right : undefined;
      right = undefined;
      if (!planes) return undefined;
      right = new Float32Array(planes.length * shape.height * (shape.width - shape.finalWidth));
      const below = new Float32Array(planes.length * (shape.height - shape.finalHeight) * shape.finalWidth);
      const weights = { x: spansOf(plan.columnWeights[column]), y: plan.rowWeights[row] };
      for (const [k, plane] of planes.entries()) {
        if (!isWeighted) weigh(plane, shape, weights);
        if (left) addLeft(plane, left, k, shape);
        keepRight(plane, right, k, shape);
        if (above) addAbove(plane, above, k, shape);
        keepBelow(plane, below, k, shape);
      }
      await carry.put(column, below);
      return { ...finalExtent(plan, column, row), planes };
    },
  };
}

/** A window's size, its final part's, and how far what was carried reaches into it. */
interface Shape {
  readonly width: number;
  readonly height: number;
  readonly finalWidth: number;
  readonly finalHeight: number;
  readonly leftWidth: number;
  readonly aboveHeight: number;
}

function shapeOf({ columns, rows }: BlendPlan, column: number, row: number): Shape {
  const [x, y] = [columns.starts[column], rows.starts[row]];
  return {
    width: columns.ends[column] - x,
    height: rows.ends[row] - y,
    finalWidth: nextStart(columns, column) - x,
    finalHeight: nextStart(rows, row) - y,
    leftWidth: endBefore(columns, column) - x,
    aboveHeight: endBefore(rows, row) - y,
  };
}

/** Weights of an axis and the stretch [from, to) where they are exactly 1: most of a window is not touched at all. */
interface Spans {
  readonly weights: Float64Array;
  readonly from: number;
  readonly to: number;
}

function spansOf(weights: Float64Array): Spans {
  let from = 0;
  while (from < weights.length && weights[from] !== 1) from++;
  let to = from;
  while (to < weights.length && weights[to] === 1) to++;
  return { weights, from, to };
}

function weigh({ data, stride }: Plane, { width, height }: Shape, { x, y }: { x: Spans; y: Float64Array }): void {
  const weights = Float64Array.from(x.weights);
  for (let row = 0; row < height; row++) {
    const [at, down] = [row * stride, y[row]];
    if (row === 0 || down !== y[row - 1]) for (let i = 0; i < width; i++) weights[i] = down * x.weights[i];
    const [from, to] = down === 1 ? [x.from, x.to] : [width, width]; // weights of 1 change nothing
    for (let i = 0; i < from; i++) data[at + i] *= weights[i];
    for (let i = to; i < width; i++) data[at + i] *= weights[i];
  }
}

function addLeft({ data, stride }: Plane, left: Float32Array, k: number, { height, leftWidth }: Shape): void {
  for (let y = 0, from = k * height * leftWidth; y < height; y++) {
    for (let x = 0, at = y * stride; x < leftWidth; x++) data[at + x] += left[from++];
  }
}

function keepRight(
  { data, stride }: Plane,
  right: Float32Array,
  k: number,
  { width, height, finalWidth }: Shape,
): void {
  const length = width - finalWidth;
  for (let y = 0; y < height; y++) {
    const at = y * stride + finalWidth;
    right.set(data.subarray(at, at + length), (k * height + y) * length);
  }
}

function addAbove({ data, stride }: Plane, above: Float32Array, k: number, { finalWidth, aboveHeight }: Shape): void {
  for (let y = 0, from = k * aboveHeight * finalWidth; y < aboveHeight; y++) {
    for (let x = 0, at = y * stride; x < finalWidth; x++) data[at + x] += above[from++];
  }
}

function keepBelow({ data, stride }: Plane, below: Float32Array, k: number, shape: Shape): void {
  const { height, finalWidth, finalHeight } = shape;
  for (let y = finalHeight; y < height; y++) {
    const to = (k * (height - finalHeight) + y - finalHeight) * finalWidth;
    below.set(data.subarray(y * stride, y * stride + finalWidth), to);
  }
}
