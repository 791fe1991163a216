/** @file Leaves of the graph: what is fed, parameters, constants. */
import type { OpRules } from "../rule.js";
import { noFlops, noGrad } from "./common.js";

const dtypeOf = (data: Float32Array | Int32Array | Uint8Array) =>
  data instanceof Float32Array ? "float32" : data instanceof Int32Array ? "int32" : "uint8";

export const leavesRules = {
  input: {
    shape: (_, { shape, dtype }) => ({ shape, dtype }),
    grad: noGrad,
    onnx: (onnx, _, node) => onnx.input(node),
    tfjs: (tf, _, node) => tf.input(node),
    flops: noFlops,
  },
  param: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: noGrad,
    onnx: (onnx, _, node) => onnx.param(node),
    tfjs: (tf, _, node) => tf.param(node),
    flops: noFlops,
  },
  constant: {
    shape: (_, { value }) => ({ shape: value.shape, dtype: dtypeOf(value.data) }),
    grad: noGrad,
    onnx: (onnx, _, node) => onnx.constant(node.attrs.value),
    tfjs: (tf, _, node) => tf.constant(node.attrs.value),
    flops: noFlops,
  },
  splat: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: noGrad,
    // expanded in the graph, never stored: a stored one costs its full size in the file
    onnx: (onnx, _, { attrs, shape }) => {
      const scalar = onnx.floats([attrs.value], []);
      return shape.length ? onnx.op("Expand", [scalar, onnx.ints(shape)]) : scalar;
    },
    tfjs: ({ tf }, _, { attrs, shape }) => tf.fill([...shape], attrs.value, "float32"),
    flops: noFlops,
  },
} satisfies Pick<OpRules, "input" | "param" | "constant" | "splat">;
