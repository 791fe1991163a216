/**
 * @file Constant folding: arithmetic on constants (splats), and operations that change nothing. Only identities that hold to the bit are used:
 * x * 0 is not 0 for NaN and infinity.
 */
import type { OpName } from "../attrs.js";
import * as g from "../functions.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";

/** What an op on these inputs is known to be, or undefined. `shape`: of its result. */
export function fold(x: Tensor, inputs: readonly Tensor[]): Tensor | undefined {
  const rule = FOLDS[x.op];
  return rule?.(inputs, x);
}

type Fold = (inputs: readonly Tensor[], x: Tensor) => Tensor | undefined;

const splatValue = (x: Tensor): number | undefined =>
  x.op === "splat" ? (x as Tensor<"splat">).attrs.value : undefined;
const same = (a: Shape, b: Shape) => String(a) === String(b);

/** Both constant: computed in float32. `neutral` on the right (and left, where it commutes) of a tensor of the result's shape: that tensor. */
function binary(compute: (a: number, b: number) => number, neutral: number, commutes: boolean): Fold {
  return ([a, b], { shape }) => {
    const [left, right] = [splatValue(a), splatValue(b)];
    if (left !== undefined && right !== undefined)
      return g.splat(Math.fround(compute(Math.fround(left), Math.fround(right))), shape);
    if (right === neutral && same(a.shape, shape)) return a;
    return commutes && left === neutral && same(b.shape, shape) ? b : undefined;
  };
}

/** A constant stays one, whatever its shape becomes; a shape that stays is no operation. */
const moved: Fold = ([a], { shape, op }) => {
  const value = splatValue(a);
  if (value !== undefined) return g.splat(value, shape);
  return op !== "transpose" && same(a.shape, shape) ? a : undefined;
};

const isInPlace = ({ attrs }: Tensor) => (attrs as Tensor<"transpose">["attrs"]).perm.every((axis, i) => axis === i);

const FOLDS: { readonly [K in OpName]?: Fold } = {
  add: binary((a, b) => a + b, 0, true),
  sub: binary((a, b) => a - b, 0, false),
  mul: binary((a, b) => a * b, 1, true),
  div: binary((a, b) => a / b, 1, false),
  neg: ([a], { shape }) => (splatValue(a) === undefined ? undefined : g.splat(-(splatValue(a) as number), shape)),
  broadcastTo: moved,
  transpose: (inputs, x) => (isInPlace(x) ? inputs[0] : moved(inputs, x)),
  reshape: (inputs, x) => {
    const [a] = inputs;
    return a.op === "reshape" && !same(a.inputs[0].shape, x.shape)
      ? g.reshape(a.inputs[0], x.shape)
      : moved([a.op === "reshape" ? a.inputs[0] : a], x);
  },
  sum: ([a], { shape }) => {
    const value = splatValue(a);
    const count = sizeOf(a.shape) / Math.max(1, sizeOf(shape));
    return value !== undefined && Number.isInteger(Math.log2(count)) ? g.splat(value * count, shape) : undefined;
  },
};
