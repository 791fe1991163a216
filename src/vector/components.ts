/**
 * @file First pass: the 4-connected components of one class, by runs and union-find (Rosenfeld and Pfaltz 1966, https://doi.org/10.1145/321356.321357).
 * A run of pixels with nothing of its class above starts a provisional label; labels are numbered in raster order from 1, so that any later
 * pass over the same rows numbers them alike. Live state: one row; each label costs some 20 bytes. Label 0 is nodata.
 */
import { NODATA } from "./class-rows.js";
import { grown } from "./numbers.js";

/** What is known of components, by provisional label; only entries of roots, whose `root[label] === label`, are whole. */
export interface Components {
  /** Labels given; arrays are longer. */
  readonly count: number;
  readonly root: Uint32Array;
  readonly classes: Int32Array;
  readonly pixels: Float64Array;
  /** The last row with a pixel of it. */
  readonly lastRow: Uint32Array;
  /** Square metres on the ellipsoid; empty where all pixels are alike. */
  readonly area: Float64Array;
  /** Sum and count of confidences; empty without them. */
  readonly confidence: Float64Array;
  readonly confident: Float64Array;
}

/** Confidence of a row's pixels; negative where there is none. */
export type ConfidenceRow = Float32Array;

/** Square metres of the pixels of a row: of each, or one for all of them. */
export type CellArea = number | Float64Array;

/** Takes rows from the top down; `finish` after the last. */
export interface ComponentFinder {
  /** A row of class numbers; `cellArea` where rows differ. */
  add(row: Int32Array, cellArea?: CellArea, confidence?: ConfidenceRow): void;
  finish(): Components;
}

/** A finder for rows of `width` pixels. */
export function findComponents(width: number): ComponentFinder {
  const state = startState(width);
  return {
    add(row, cellArea, confidence) {
      for (let from = 0; from < width; ) {
        const label = row[from] === NODATA ? 0 : 1;
        let to = from + 1;
        while (to < width && row[to] === row[from]) to++;
        if (label) addRun(state, row, from, to);
        state.labels.fill(label && state.label, from, to);
        if (label) measure(state, from, to, cellArea, confidence);
        from = to;
      }
      state.above.set(row);
      [state.labels, state.labelsAbove] = [state.labelsAbove, state.labels];
      state.y++;
    },
    finish: () => flatten(state),
  };
}

function startState(width: number) {
  return {
    y: 0,
    count: 0,
    label: 0, // of the run at hand
    above: new Int32Array(width).fill(NODATA),
    labels: new Uint32Array(width),
    labelsAbove: new Uint32Array(width),
    root: new Uint32Array(1024),
    classes: new Int32Array(1024),
    pixels: new Float64Array(1024),
    lastRow: new Uint32Array(1024),
    area: new Float64Array(0),
    confidence: new Float64Array(0),
    confident: new Float64Array(0),
  };
}

type State = ReturnType<typeof startState>;

/** Labels a run: the component above it, all of those above it joined, or a new one. */
function addRun(state: State, row: Int32Array, from: number, to: number): void {
  const { above, labelsAbove } = state;
  const value = row[from];
  let label = 0;
  let seen = 0;
  for (let x = from; x < to; x++) {
    if (above[x] !== value || labelsAbove[x] === seen) continue;
    seen = labelsAbove[x];
    label = label === 0 ? rootOf(state.root, seen) : join(state.root, label, seen);
  }
  state.label = label === 0 ? newLabel(state, value) : label;
}

function newLabel(state: State, value: number): number {
  const label = ++state.count;
  state.root = grown(state.root, label);
  state.classes = grown(state.classes, label);
  state.pixels = grown(state.pixels, label);
  state.lastRow = grown(state.lastRow, label);
  state.root[label] = label;
  state.classes[label] = value;
  return label;
}

/** The root of a label, halving the path to it. */
export function rootOf(root: Uint32Array, label: number): number {
  let at = label;
  while (root[at] !== at) {
    root[at] = root[root[at]];
    at = root[at];
  }
  return at;
}

/** Joins two components under the earlier of their roots. */
export function join(root: Uint32Array, a: number, b: number): number {
  const [x, y] = [rootOf(root, a), rootOf(root, b)];
  const [first, last] = x < y ? [x, y] : [y, x];
  root[last] = first;
  return first;
}

function measure(
  state: State,
  from: number,
  to: number,
  cellArea: CellArea | undefined,
  confidence: ConfidenceRow | undefined,
): void {
  const { label } = state;
  state.pixels[label] += to - from;
  state.lastRow[label] = state.y;
  if (cellArea !== undefined) {
    state.area = grown(state.area, label);
    if (typeof cellArea === "number") state.area[label] += cellArea * (to - from);
    else for (let x = from; x < to; x++) state.area[label] += cellArea[x];
  }
  if (!confidence) return;
  state.confidence = grown(state.confidence, label);
  state.confident = grown(state.confident, label);
  for (let x = from; x < to; x++) {
    if (confidence[x] < 0) continue;
    state.confidence[label] += confidence[x];
    state.confident[label]++;
  }
}

function flatten(state: State): Components {
  const { root, count } = state;
  for (let label = 1; label <= count; label++) root[label] = root[root[label]]; // a root is the smallest of its labels
  for (let label = 1; label <= count; label++) if (root[label] !== label) gather(state, root[label], label);
  return state;
}

/** Adds what is known of one component to another. */
export function gather(all: Omit<Components, "count">, into: number, from: number): void {
  all.pixels[into] += all.pixels[from];
  all.lastRow[into] = Math.max(all.lastRow[into], all.lastRow[from]);
  for (const sums of [all.area, all.confidence, all.confident]) if (from < sums.length) sums[into] += sums[from];
}
