/**
 * @file The cases of test/fixtures/ops.py written with the graph's ops, by the same names: leaves, elementwise ops, reductions,
 * ops that move values, sorting. The other families are in op-cases-spatial.ts.
 */
import * as g from "../../src/graph/functions.js";
import type { Tensor } from "../../src/graph/tensor.js";

/** Builds a case from its inputs, in the fixture's order. */
export type Build = (...inputs: Tensor[]) => Tensor;
export type Cases = Readonly<Record<string, Build>>;

const AXES: Record<string, number | number[] | undefined> = { all: undefined, "0": 0, last: -1, "1 3": [1, 3] };
const AXIS_NUMBERS = [0, 1, -1];

/** One case for each value of an option. */
export function family<T>(
  values: Readonly<Record<string, T>>,
  make: (key: string, value: T) => [string, Build],
): Cases {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => make(key, value)));
}
const perAxis = (name: string, build: (x: Tensor, axis: number) => Tensor): Cases =>
  Object.fromEntries(AXIS_NUMBERS.map((axis): [string, Build] => [`${name} ${axis}`, (x) => build(x, axis)]));

const leaves: Cases = {
  constant: (x) => g.add(x, g.constant({ data: Float32Array.of(0.5, -1.5, 2), shape: [3] })),
  splat: (x) => g.mul(x, g.splat(0.75, [2, 1, 3])),
  "input uint8": (x) => g.cast(x, "float32"),
};

const elementwise: Cases = {
  ...family({ add: g.add, sub: g.sub, mul: g.mul, maximum: g.maximum, minimum: g.minimum }, (key, op) => [key, op]),
  ...family({ add: g.add, sub: g.sub, mul: g.mul, maximum: g.maximum, minimum: g.minimum }, (key, op) => [
    `${key} number`,
    (x) => op(x, 0.25),
  ]),
  div: g.div,
  "div number first": (x) => g.div(1.5, x),
  "sub number first": (x) => g.sub(1, x),
  "maximum ties": g.maximum,
  "minimum ties": g.minimum,
  "pow 3": (x) => g.pow(x, 3),
  "pow 2.5": (x) => g.pow(x, 2.5),
  "pow -0.5": (x) => g.pow(x, -0.5),
  neg: g.neg,
  exp: g.exp,
  log: g.log,
  sqrt: g.sqrt,
  reciprocal: g.reciprocal,
  abs: g.abs,
  square: g.square,
  sign: g.sign,
  relu: g.relu,
  sigmoid: g.sigmoid,
  "sigmoid extreme": g.sigmoid,
  tanh: g.tanh,
  "tanh extreme": g.tanh,
  erf: g.erf,
  gelu: g.gelu,
  softplus: g.softplus,
  "softplus extreme": g.softplus,
  logSigmoid: g.logSigmoid,
  reluGrad: g.reluGrad,
  geluGrad: g.geluGrad,
  clip: (x) => g.clip(x, -0.5, 0.75),
  greater: g.greater,
  greaterEqual: g.greaterEqual,
  equal: g.equal,
  "equal integer": (x) => g.equal(x, 2),
  logicalAnd: (a, b) => g.logicalAnd(g.greater(a, 0), g.greater(b, 0)),
  logicalNot: (x) => g.logicalNot(g.greater(x, 0)),
  where: (c, a, b) => g.where(g.greater(c, 0), a, b),
  "where number": (x) => g.where(g.greater(x, 0), x, 0),
  "cast integer": (x) => g.cast(x, "int32"),
  "cast float": (x) => g.cast(x, "float32"),
  "cast bool": (x) => g.cast(g.greater(x, 0), "float32"),
  isFinite: (a, b) => g.isFinite(g.div(a, b)),
  stopGradient: (x) => g.mul(x, g.stopGradient(x)),
};

const reductions: Cases = {
  ...family(AXES, (key, axes) => [`sum ${key}`, (x) => g.sum(x, axes)]),
  ...family(AXES, (key, axes) => [`mean ${key}`, (x) => g.mean(x, axes, true)]),
  ...family(AXES, (key, axes) => [`sumSquares ${key}`, (x) => g.sumSquares(x, axes)]),
  ...family(AXES, (key, axes) => [`max ${key}`, (x) => g.max(x, axes)]),
  "max ties": (x) => g.max(x, -1, true),
  argMax: (x) => g.argMax(x, 1),
  "argMax ties": (x) => g.argMax(x, -1),
  ...perAxis("cumSum", (x, axis) => g.cumSum(x, axis)),
  ...perAxis("cumSum reverse", (x, axis) => g.cumSum(x, axis, true)),
};

const shapes: Cases = {
  reshape: (x) => g.reshape(x, [3, -1]),
  transpose: (x) => g.transpose(x, [2, 0, 3, 1]),
  broadcastTo: (x) => g.broadcastTo(x, [2, 4, 3, 5]),
  concat: (a, b, c) => g.concat([a, b, c], 1),
  "concat last": (a, b) => g.concat([a, b], -1),
  "concat twice": (x) => g.concat([x, g.mul(x, 2), x], 0),
  slice: (x) => g.slice(x, [0, 1, 2], [2, 3, 7]),
  "slice whole": (x) => g.slice(x, [0, 0], [3, 3]),
  pad: (x) => g.pad(x, [1, 0, 2], [1, 3, 0], -1.5),
  reverse: (x) => g.reverse(x, [0, 2]),
  "gather rows": (x, indices) => g.gather(x, indices, 0),
  "gather grid": (x, indices) => g.gather(x, indices, 1),
  "gather last": (x, indices) => g.gather(x, indices, -1),
  scatterAdd: (x, indices) => g.scatterAdd(x, indices, 0, 5),
  "scatterAdd axis": (x, indices) => g.scatterAdd(x, indices, 1, 6),
  argSort: g.argSort,
  "argSort ties": g.argSort,
  takeAlong: (x, keys) => g.takeAlong(x, g.argSort(keys)),
  putAlong: (x, keys) => g.putAlong(x, g.argSort(keys)),
  sort: (x) => g.takeAlong(x, g.argSort(x)),
  oneHot: (labels) => g.oneHot(labels, 3),
};

export const plainCases: Cases = { ...leaves, ...elementwise, ...reductions, ...shapes };
