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

export const NO_SEAMS: SeamSums = { joints: 0, jointPairs: 0, others: 0, otherPairs: 0 };

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
const LATTICE = 16;

/** Lines of an axis where two windows meet: between pixel `line - 1` and `line`. */
export function jointsOf({ starts, ends }: Axis, mode: BlendMode): Set<number> {
  const out = new Set<number>();
  for (let i = 1; i < starts.length; i++) {
    if (mode === "none") out.add(starts[i]).add(ends[i - 1]);
    else out.add(Math.floor((starts[i] + ends[i - 1]) / 2)); // the cut, or the middle of the slope
  }
  return out;
}

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
  const isValid = (x: number, y: number) => !valid || valid[y * validStride + x] === 1;
  const at = ({ data, stride }: Plane, x: number, y: number) => data[y * stride + x];
  const sum = (
    pixels: number,
    pair: (i: number) => boolean,
    change: (plane: Plane, k: number, i: number) => number,
  ) => {
    let [total, pairs] = [0, 0];
    for (let i = 0; i < pixels; i++) {
      if (!pair(i)) continue;
      pairs++;
      for (let k = 0; k < planes.length; k++) total += Math.abs(change(planes[k], k, i));
    }
    return { change: total, pairs };
  };
  const edge = (pixels: number, place: (i: number) => readonly [number, number]): Edge => {
    const values = new Float32Array(planes.length * pixels);
    for (const [k, plane] of planes.entries())
      for (let i = 0; i < pixels; i++) values[k * pixels + i] = at(plane, ...place(i));
    return { values, valid: valid && Uint8Array.from({ length: pixels }, (_, i) => (isValid(...place(i)) ? 1 : 0)) };
  };
  return {
    acrossX: (x: number) =>
      sum(
        height,
        (y) => isValid(x, y) && isValid(x - 1, y),
        (plane, _k, y) => at(plane, x, y) - at(plane, x - 1, y),
      ),
    acrossY: (y: number) =>
      sum(
        width,
        (x) => isValid(x, y) && isValid(x, y - 1),
        (plane, _k, x) => at(plane, x, y) - at(plane, x, y - 1),
      ),
    acrossEdgeX: (edgeOf: Edge | undefined) =>
      edgeOf
        ? sum(
            height,
            (y) => isValid(0, y) && edgeOf.valid?.[y] !== 0,
            (plane, k, y) => at(plane, 0, y) - edgeOf.values[k * height + y],
          )
        : NOTHING,
    acrossEdgeY: (edgeOf: Edge | undefined) =>
      edgeOf
        ? sum(
            width,
            (x) => isValid(x, 0) && edgeOf.valid?.[x] !== 0,
            (plane, k, x) => at(plane, x, 0) - edgeOf.values[k * width + x],
          )
        : NOTHING,
    edgeX: () => edge(height, (y) => [width - 1, y] as const),
    edgeY: () => edge(width, (x) => [x, height - 1] as const),
  };
}
