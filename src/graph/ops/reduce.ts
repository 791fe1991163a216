/** @file Reductions over axes. */
import type { Reduce } from "../attrs.js";
import type { GraphOps, Onnx, OpRules } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";

import { noGrad, onnxType, sameAsFirst } from "./common.js";

const reducedShape = (shape: Shape, { axes, keepDims }: Reduce): Shape =>
  shape.flatMap((extent, axis) => (!axes.includes(axis) ? [extent] : keepDims ? [1] : []));
const shapeRule = ([x]: readonly Tensor[], attrs: Reduce) => ({ shape: reducedShape(x.shape, attrs), dtype: x.dtype });
const flops = (node: Tensor) => sizeOf(node.inputs[0].shape);

/** A cotangent of the reduced value, with the reduced axes back as 1. */
function kept(g: GraphOps, d: Tensor, x: Tensor, { axes, keepDims }: Reduce): Tensor {
  return keepDims ? d : g.reshape(d, reducedShape(x.shape, { axes, keepDims: true }));
}

/** Sums of more values than this are taken in two: ONNX Runtime adds up naively, which costs digits. */
const LONG = 1024;

/** Values the first of the two adds up, at least: shorter rows are slow. */
const ROW = 64;

/** ONNX takes axes as an input (Reduce* since opset 18, ReduceSum since 13). `rest`: what reduces the reduced along the last axis. */
const lower =
  (type: string, rest = type) =>
  (onnx: Onnx, [x]: readonly string[], node: Tensor<"sum" | "mean" | "max" | "sumSquares">) => {
    const { axes, keepDims } = node.attrs;
    return axes.length ? reduceOnnx(onnx, [type, rest], x, node.inputs[0].shape, axes, keepDims) : x;
  };

/** A reduction over axes, in two where it is long: along the last axes first, then over what is left of them. */
export function reduceOnnx(
  onnx: Onnx,
  [type, rest]: readonly [string, string],
  x: string,
  shape: Shape,
  axes: readonly number[],
  keepDims: boolean,
): string {
  const keepdims = keepDims ? 1 : 0;
  const count = axes.reduce((product, axis) => product * shape[axis], 1);
  const inner: number[] = [];
  for (let axis = shape.length - 1; axes.includes(axis) && sizeOf(inner.map((at) => shape[at])) < ROW; axis--)
    inner.push(axis);
  if (count <= LONG || !inner.length || inner.length === axes.length) {
    return onnx.op(type, [x, onnx.ints(axes)], { keepdims });
  }
  const rows = onnx.op(type, [x, onnx.ints(inner)], { keepdims: 1 });
  return onnx.op(rest, [rows, onnx.ints(axes)], { keepdims });
}

const axesOf = (attrs: Reduce) => [...attrs.axes];

export const reduceRules = {
  sum: {
    shape: shapeRule,
    grad: (node, dy, g) => [g.broadcastTo(kept(g, dy, node.inputs[0], node.attrs), node.inputs[0].shape)],
    onnx: lower("ReduceSum"),
    tfjs: ({ tf }, [x], { attrs }) => tf.sum(x, axesOf(attrs), attrs.keepDims),
    flops,
  },
  mean: {
    shape: shapeRule,
    grad: (node, dy, g) => {
      const [x] = node.inputs;
      const share = sizeOf(node.shape) / sizeOf(x.shape);
      return [g.broadcastTo(g.mul(kept(g, dy, x, node.attrs), share), x.shape)];
    },
    onnx: lower("ReduceMean"),
    tfjs: ({ tf }, [x], { attrs }) => tf.mean(x, axesOf(attrs), attrs.keepDims),
    flops,
  },
  sumSquares: {
    shape: shapeRule,
    grad: (node, dy, g) => {
      const [x] = node.inputs;
      return [g.mul(x, g.mul(kept(g, dy, x, node.attrs), 2))];
    },
    onnx: lower("ReduceSumSquare", "ReduceSum"),
    tfjs: ({ tf }, [x], { attrs }) => tf.sum(tf.square(x), axesOf(attrs), attrs.keepDims),
    flops: (node) => 2 * flops(node),
  },
  max: {
    shape: shapeRule,
    // equal maxima share the gradient, as torch.amax does
    grad: (node, dy, g) => {
      const [x] = node.inputs;
      const hit = g.cast(g.equal(x, kept(g, node, x, node.attrs)), "float32");
      const share = g.div(kept(g, dy, x, node.attrs), g.sum(hit, node.attrs.axes, true));
      return [g.mul(hit, share)];
    },
    onnx: lower("ReduceMax"),
    tfjs: ({ tf }, [x], { attrs }) => tf.max(x, axesOf(attrs), attrs.keepDims),
    flops,
  },
  argMax: {
    shape: ([x], { axis }) => ({ shape: x.shape.filter((_, i) => i !== axis), dtype: "int32" }),
    grad: noGrad,
    onnx: (onnx, [x], { attrs }) =>
      onnx.op("Cast", [onnx.op("ArgMax", [x], { axis: attrs.axis, keepdims: 0 })], { to: onnxType.int32 }),
    tfjs: ({ tf }, [x], { attrs }) => tf.argMax(x, attrs.axis),
    flops,
  },
  cumSum: {
    shape: sameAsFirst,
    grad: (node, dy, g) => [g.cumSum(dy, node.attrs.axis, !node.attrs.reverse)],
    onnx: (onnx, [x], { attrs }) =>
      onnx.op("CumSum", [x, onnx.ints([attrs.axis], [])], { reverse: attrs.reverse ? 1 : 0 }),
    tfjs: ({ tf }, [x], { attrs }) => tf.cumsum(x, attrs.axis, false, attrs.reverse),
    flops,
  },
} satisfies Partial<OpRules>;
