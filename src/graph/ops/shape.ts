/** @file Ops that move values without computing: reshape, transpose, slices, gathers. */
import type { Onnx, OpRules } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import { channelsLast } from "./blocked.js";
import {
  broadcastShapes,
  noFlops,
  noGrad,
  onnxType,
  perElement,
  sameAsFirst,
  shapeError,
  unbroadcast,
} from "./common.js";

const inverse = (perm: readonly number[]) => perm.map((_, i) => perm.indexOf(i));

export const shapeRules = {
  reshape: {
    shape: ([x], { shape }) => {
      if (sizeOf(shape) !== sizeOf(x.shape)) throw shapeError("reshape", `[${x.shape}] does not fit [${shape}]`);
      return { shape, dtype: x.dtype };
    },
    grad: (node, dy, g) => [g.reshape(dy, node.inputs[0].shape)],
    onnx: (onnx, [x], { shape }) => onnx.op("Reshape", [x, onnx.ints(shape)]),
    tfjs: ({ tf }, [x], { shape }) => tf.reshape(x, [...shape]),
    flops: noFlops,
  },
  transpose: {
    shape: ([x], { perm }) => {
      if (perm.length !== x.shape.length) throw shapeError("transpose", `[${perm}] does not permute [${x.shape}]`);
      return { shape: perm.map((axis) => x.shape[axis]), dtype: x.dtype };
    },
    grad: (node, dy, g) => [g.transpose(dy, inverse(node.attrs.perm))],
    onnx: (onnx, [x], { attrs: { perm }, inputs: [{ shape }] }) =>
      String(perm) === "0,2,3,1" ? channelsLast(onnx, x, shape) : onnx.op("Transpose", [x], { perm }),
    tfjs: ({ tf }, [x], { attrs }) => tf.transpose(x, [...attrs.perm]),
    flops: noFlops,
  },
  broadcastTo: {
    shape: ([x], { shape }) => {
      const result = broadcastShapes("broadcastTo", x.shape, shape);
      if (String(result) !== String(shape))
        throw shapeError("broadcastTo", `[${x.shape}] does not broadcast to [${shape}]`);
      return { shape, dtype: x.dtype };
    },
    grad: (node, dy, g) => [unbroadcast(g, dy, node.inputs[0].shape)],
    onnx: (onnx, [x], { shape }) => onnx.op("Expand", [x, onnx.ints(shape)]),
    tfjs: ({ tf }, [x], { shape }) => tf.broadcastTo(x, [...shape]),
    flops: noFlops,
  },
  concat: {
    shape: (xs, { axis }) => {
      const [first] = xs;
      const bad = xs.find(
        (x) => x.shape.length !== first.shape.length || x.shape.some((e, i) => i !== axis && e !== first.shape[i]),
      );
      if (bad) throw shapeError("concat", `[${bad.shape}] does not fit [${first.shape}] along axis ${axis}`);
      const extent = xs.reduce((sum, x) => sum + x.shape[axis], 0);
      return { shape: first.shape.map((e, i) => (i === axis ? extent : e)), dtype: first.dtype };
    },
    grad: (node, dy, g) => {
      let at = 0;
      return node.inputs.map((x) => {
        const from = at;
        at += x.shape[node.attrs.axis];
        return g.sliceAxis(dy, node.attrs.axis, from, at);
      });
    },
    onnx: (onnx, xs, { attrs }) => onnx.op("Concat", xs, { axis: attrs.axis }),
    tfjs: ({ tf }, xs, { attrs }) => tf.concat([...xs], attrs.axis),
    flops: noFlops,
  },
  slice: {
    shape: ([x], { starts, ends }) => {
      const shape = ends.map((end, i) => end - starts[i]);
      const bad =
        shape.length !== x.shape.length || shape.some((e, i) => e < 0 || starts[i] < 0 || ends[i] > x.shape[i]);
      if (bad) throw shapeError("slice", `[${starts}]..[${ends}] is not inside [${x.shape}]`);
      return { shape, dtype: x.dtype };
    },
    grad: (node, dy, g) => {
      const { starts, ends } = node.attrs;
      return [
        g.pad(
          dy,
          starts,
          node.inputs[0].shape.map((extent, i) => extent - ends[i]),
        ),
      ];
    },
    onnx: (onnx, [x], { attrs, inputs }) => {
      const axes = attrs.starts.flatMap((start, i) => (start > 0 || attrs.ends[i] < inputs[0].shape[i] ? [i] : []));
      if (!axes.length) return x;
      const pick = (values: readonly number[]) => onnx.ints(axes.map((axis) => values[axis]));
      return onnx.op("Slice", [x, pick(attrs.starts), pick(attrs.ends), onnx.ints(axes)]);
    },
    tfjs: ({ tf }, [x], { attrs, shape }) => tf.slice(x, [...attrs.starts], [...shape]),
    flops: noFlops,
  },
  pad: {
    shape: ([x], { before, after }) => ({ shape: x.shape.map((e, i) => e + before[i] + after[i]), dtype: x.dtype }),
    grad: (node, dy, g) => {
      const { before } = node.attrs;
      return [
        g.slice(
          dy,
          before,
          node.inputs[0].shape.map((extent, i) => extent + before[i]),
        ),
      ];
    },
    onnx: (onnx, [x], { attrs }) => {
      if (attrs.before.every((n) => n === 0) && attrs.after.every((n) => n === 0)) return x;
      return onnx.op("Pad", [x, onnx.ints([...attrs.before, ...attrs.after]), onnx.floats([attrs.value], [])]);
    },
    tfjs: ({ tf }, [x], { attrs }) =>
      tf.pad(
        x,
        attrs.before.map((n, i) => [n, attrs.after[i]]),
        attrs.value,
      ),
    flops: noFlops,
  },
  reverse: {
    shape: sameAsFirst,
    grad: (node, dy, g) => [g.reverse(dy, node.attrs.axes)],
    onnx: (onnx, [x], { attrs }) => {
      const all = (value: number) => onnx.ints(attrs.axes.map(() => value));
      return onnx.op("Slice", [x, all(-1), all(-(2 ** 31)), onnx.ints(attrs.axes), all(-1)]);
    },
    tfjs: ({ tf }, [x], { attrs }) => tf.reverse(x, [...attrs.axes]),
    flops: noFlops,
  },
  gather: {
    shape: ([x, indices], { axis }) => ({
      shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)],
      dtype: x.dtype,
    }),
    grad: (node, dy, g) => {
      const [x, indices] = node.inputs;
      const { axis } = node.attrs;
      const flat = g.reshape(dy, [...x.shape.slice(0, axis), sizeOf(indices.shape), ...x.shape.slice(axis + 1)]);
      return [g.scatterAdd(flat, g.reshape(indices, [-1]), axis, x.shape[axis]), undefined];
    },
    onnx: (onnx, [x, indices], { attrs }) => onnx.op("Gather", [x, indices], { axis: attrs.axis }),
    tfjs: ({ tf }, [x, indices], { attrs }) => tf.gather(x, indices, attrs.axis),
    flops: noFlops,
  },
  scatterAdd: {
    shape: ([x], { axis, size }) => ({ shape: x.shape.map((e, i) => (i === axis ? size : e)), dtype: x.dtype }),
    grad: (node, dy, g) => [g.gather(dy, node.inputs[1], node.attrs.axis), undefined],
    onnx: scatterAddOnnx,
    // one-hot matrix product: tables of positions are small, and tfjs has no scatter along an axis
    tfjs: ({ tf }, [x, indices], { attrs, inputs }) => {
      const { axis, size } = attrs;
      const rank = inputs[0].shape.length;
      const perm = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
      const rows = tf.transpose(x, perm);
      const flat = tf.reshape(rows, [inputs[0].shape[axis], -1]);
      const numbers = tf.range(0, size, 1, "int32"); // compared, because tfjs's oneHot refuses a size of 1
      const hot = tf.cast(tf.equal(tf.expandDims(indices, 1), numbers), "float32");
      const sums = tf.reshape(tf.matMul(hot, flat, true, false), [size, ...rows.shape.slice(1)]);
      return tf.transpose(sums, inverse(perm));
    },
    flops: (node) => sizeOf(node.inputs[0].shape),
  },
  takeAlong: {
    shape: ([x, indices]) => ({ shape: indices.shape, dtype: x.dtype }),
    grad: (node, dy, g) => [g.putAlong(dy, node.inputs[1]), undefined],
    onnx: (onnx, [x, indices], { shape }) => onnx.op("GatherElements", [x, indices], { axis: shape.length - 1 }),
    tfjs: ({ tf }, [x, indices], { shape }) => {
      const width = shape[shape.length - 1];
      const rows = sizeOf(shape) / width;
      const offsets = tf.mul(tf.range(0, rows, 1, "int32"), tf.scalar(width, "int32"));
      const flat = tf.add(tf.reshape(indices, [rows, width]), tf.reshape(offsets, [rows, 1]));
      return tf.reshape(tf.gather(tf.reshape(x, [rows * width]), tf.reshape(flat, [rows * width]), 0), [...shape]);
    },
    flops: noFlops,
  },
  putAlong: {
    shape: sameAsFirst,
    grad: (node, dy, g) => [g.takeAlong(dy, node.inputs[1]), undefined],
    onnx: (onnx, [x, indices], { shape }) => onnx.op("ScatterElements", [x, indices, x], { axis: shape.length - 1 }), // a permutation overwrites every element
    tfjs: ({ tf }, [x, indices], { shape }) => {
      const width = shape[shape.length - 1];
      const rows = sizeOf(shape) / width;
      const offsets = tf.mul(tf.range(0, rows, 1, "int32"), tf.scalar(width, "int32"));
      const flat = tf.add(tf.reshape(indices, [rows, width]), tf.reshape(offsets, [rows, 1]));
      const updates = tf.reshape(x, [rows * width]);
      return tf.reshape(tf.scatterND(tf.reshape(flat, [rows * width, 1]), updates, [rows * width]), [...shape]);
    },
    flops: noFlops,
  },
  oneHot: {
    shape: ([labels], { classes }) => {
      const [batch, ...rest] = labels.shape;
      return { shape: [batch, classes, ...rest], dtype: "float32" };
    },
    grad: noGrad,
    // compared with the class numbers: unlike ONNX's OneHot, a label that is no class gives zeros
    onnx: (onnx, [labels], { attrs, inputs }) => {
      const rest = inputs[0].shape.length - 1;
      const numbers = Int32Array.from({ length: attrs.classes }, (_, c) => c);
      const column = onnx.constant({ data: numbers, shape: [attrs.classes, ...Array<number>(rest).fill(1)] });
      const hit = onnx.op("Equal", [onnx.op("Unsqueeze", [labels, onnx.ints([1])]), column]);
      return onnx.op("Cast", [hit], { to: onnxType.float32 });
    },
    tfjs: ({ tf }, [labels], { attrs, inputs }) => {
      const rest = inputs[0].shape.length - 1;
      const numbers = tf.reshape(tf.range(0, attrs.classes, 1, "int32"), [
        attrs.classes,
        ...Array<number>(rest).fill(1),
      ]);
      return tf.cast(tf.equal(tf.expandDims(labels, 1), numbers), "float32");
    },
    flops: perElement(1),
  },
} satisfies Partial<OpRules>;

/** Zeros, then ScatterElements with addition; the indices are expanded to the values' shape. */
function scatterAddOnnx(onnx: Onnx, [x, indices]: readonly string[], node: Tensor<"scatterAdd">): string {
  const { axis } = node.attrs;
  const shape: Shape = node.inputs[0].shape;
  const column = onnx.op("Reshape", [indices, onnx.ints(shape.map((_, i) => (i === axis ? shape[axis] : 1)))]);
  const full = onnx.op("Expand", [column, onnx.ints(shape)]);
  const zeros = onnx.op("Expand", [onnx.floats([0], []), onnx.ints(node.shape)]);
  return onnx.op("ScatterElements", [zeros, full, x], { axis, reduction: "add" });
}
