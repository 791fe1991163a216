/**
 * @file How much of a seam windows left: the mean change of the probabilities from one pixel to the next across the lines where windows were joined, over
 * the mean change across other lines. 1: the joints do not show. Measured while the scene is mapped, on what is written.
 */
import type { Axis, BlendMode } from "../raster/index.js";
import type { FinalBlock, Plane } from "./blend.js";

/** Changes summed over classes, and pairs of pixels, across joints and elsewhere. */
export interface SeamSums {
  readonly joints: number;
  readonly jointPairs: number;
  readonly others: number;
  readonly otherPairs: number;
}

/** Nothing looked at. */
export const NO_SEAMS: SeamSums = { joints: 0, jointPairs: 0, others: 0, otherPairs: 0 };

/** Both together. */
export const addSeams = (a: SeamSums, b: SeamSums): SeamSums => ({
  joints: a.joints + b.joints,
  jointPairs: a.jointPairs + b.jointPairs,
  others: a.others + b.others,
  otherPairs: a.otherPairs + b.otherPairs,
});

/** Mean change across joints over the mean change elsewhere; undefined for a scene of one window, or without any change. */
export function seamScore({ joints, jointPairs, others, otherPairs }: SeamSums): number | undefined {
  if (jointPairs === 0 || otherPairs === 0 || others === 0) return undefined;
  return joints / jointPairs / (others / otherPairs);
}

/** Every how many pixels a line is looked at that is no joint. */
const LATTICE = 32;

/** Lines of an axis where two windows meet: between pixel `line - 1` and `line`. */
function jointsOf({ starts, ends }: Axis, mode: BlendMode): Set<number> {
  const out = new Set<number>();
  for (let i = 1; i < starts.length; i++) {
    if (mode === "none") out.add(starts[i]).add(ends[i - 1]);
    else out.add(Math.floor((starts[i] + ends[i - 1]) / 2)); // the cut, or the middle of the slope
  }
  return out;
}

/** Looks at the blocks of a scene as they become final. */
export interface SeamMeter {
  /** Takes a final block in reading order; undefined: one without data. `valid` as in `writtenBands`. */
  add(column: number, block: FinalBlock | undefined, valid: Uint8Array | undefined, validStride: number): void;
  /** What was found since the last call; the row's blocks have all been given. */
  takeRow(): SeamSums;
}

/** A border of a block that the next one begins at. */
interface Edge {
  readonly values: Float32Array; // [planes, pixels]
  readonly valid: Uint8Array | undefined;
}

/** A meter over the blocks of a scene; a line between two blocks is looked at once both are there. */
export function seamMeter(columns: Axis, rows: Axis, mode: BlendMode): SeamMeter {
  const [xJoints, yJoints] = [jointsOf(columns, mode), jointsOf(rows, mode)];
  const above = new Map<number, Edge>();
  let left: Edge | undefined;
  let sums = NO_SEAMS;
  return {
    add(column, block, valid, validStride) {
      const before = column > 0 ? left : undefined;
      const over = above.get(column);
      above.delete(column);
      left = undefined;
      if (!block) return;
      const meter = blockMeter(block, valid, validStride);
      for (const { at, isJoint } of linesOf(block.x, block.width, xJoints)) {
        sums = addSeams(sums, asSums(at > 0 ? meter.acrossX(at) : meter.acrossEdgeX(before), isJoint));
      }
      for (const { at, isJoint } of linesOf(block.y, block.height, yJoints)) {
        sums = addSeams(sums, asSums(at > 0 ? meter.acrossY(at) : meter.acrossEdgeY(over), isJoint));
      }
      left = meter.edgeX();
      above.set(column, meter.edgeY());
    },
    takeRow() {
      const found = sums;
      sums = NO_SEAMS;
      left = undefined;
      return found;
    },
  };
}

const asSums = ({ change, pairs }: Change, isJoint: boolean): SeamSums =>
  isJoint ? { ...NO_SEAMS, joints: change, jointPairs: pairs } : { ...NO_SEAMS, others: change, otherPairs: pairs };

/** Lines to look at in [from, from + length): the joints, and those of a lattice that are not beside one. */
function* linesOf(from: number, length: number, joints: ReadonlySet<number>) {
  for (let at = 0; at < length; at++) {
    const line = from + at;
    if (joints.has(line)) yield { at, isJoint: true };
    else if (line % LATTICE === 0 && at > 0 && !joints.has(line - 1) && !joints.has(line + 1))
      yield { at, isJoint: false };
  }
}

interface Change {
  readonly change: number;
  readonly pairs: number;
}

const NOTHING: Change = { change: 0, pairs: 0 };

/** Changes within a block and across the edges it shares. */
function blockMeter({ width, height, planes }: FinalBlock, valid: Uint8Array | undefined, validStride: number) {
  const down = (x: number): Line => ({ from: x, step: 1, count: height, valid: lineOf(valid, x, validStride, height) });
  const across = (y: number): Line => ({
    ...{ from: y, step: 0, count: width, valid: valid?.subarray(y * validStride, y * validStride + width) },
  });
  return {
    acrossX: (x: number) => changeBetween(planes, down(x), down(x - 1)),
    acrossY: (y: number) => changeBetween(planes, across(y), across(y - 1)),
    acrossEdgeX: (edge: Edge | undefined) => (edge ? changeFromEdge(planes, down(0), edge) : NOTHING),
    acrossEdgeY: (edge: Edge | undefined) => (edge ? changeFromEdge(planes, across(0), edge) : NOTHING),
    edgeX: () => edgeAlong(planes, down(width - 1)),
    edgeY: () => edgeAlong(planes, across(height - 1)),
  };
}

/** A line of pixels of a block: down column `from` (step 1), or along row `from` (step 0). */
interface Line {
  readonly from: number;
  readonly step: 0 | 1;
  readonly count: number;
  readonly valid: Uint8Array | undefined;
}

function lineOf(valid: Uint8Array | undefined, x: number, stride: number, count: number): Uint8Array | undefined {
  if (!valid) return undefined;
  const out = new Uint8Array(count);
  for (let y = 0; y < count; y++) out[y] = valid[y * stride + x];
  return out;
}

/** Where a line's values lie in a plane. */
const placeIn = ({ stride }: Plane, { from, step }: Line) =>
  step === 1 ? { at: from, step: stride } : { at: from * stride, step: 1 };

function changeBetween(planes: readonly Plane[], a: Line, b: Line): Change {
  let [change, pairs] = [0, 0];
  for (const plane of planes) {
    const { data } = plane;
    const [one, other] = [placeIn(plane, a), placeIn(plane, b)];
    pairs = 0;
    for (let i = 0, p = one.at, q = other.at; i < a.count; i++, p += one.step, q += other.step) {
      if (a.valid?.[i] === 0 || b.valid?.[i] === 0) continue;
      pairs++;
      change += Math.abs(data[p] - data[q]);
    }
  }
  return { change, pairs };
}

function changeFromEdge(planes: readonly Plane[], line: Line, edge: Edge): Change {
  let [change, pairs] = [0, 0];
  for (const [k, plane] of planes.entries()) {
    const { at, step } = placeIn(plane, line);
    pairs = 0;
    for (let i = 0, p = at, q = k * line.count; i < line.count; i++, p += step, q++) {
      if (line.valid?.[i] === 0 || edge.valid?.[i] === 0) continue;
      pairs++;
      change += Math.abs(plane.data[p] - edge.values[q]);
    }
  }
  return { change, pairs };
}

function edgeAlong(planes: readonly Plane[], line: Line): Edge {
  const values = new Float32Array(planes.length * line.count);
  for (const [k, plane] of planes.entries()) {
    const { at, step } = placeIn(plane, line);
    for (let i = 0, p = at; i < line.count; i++, p += step) values[k * line.count + i] = plane.data[p];
  }
  return { values, valid: line.valid?.slice() };
}
