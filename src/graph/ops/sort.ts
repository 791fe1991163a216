/** @file Sorting: the permutation that puts the last axis in descending order, stable. */
import type { OpRules } from "../rule.js";
import { noGrad, onnxType, perElement } from "./common.js";

export const sortRules = {
  argSort: {
    shape: ([x]) => ({ shape: x.shape, dtype: "int32" }),
    grad: noGrad,
    onnx: (onnx, [x], { shape }) => {
      const count = onnx.ints([shape[shape.length - 1]]);
      const [, indices] = onnx.ops("TopK", [x, count], 2, { axis: -1, largest: 1, sorted: 1 });
      return onnx.op("Cast", [indices], { to: onnxType.int32 });
    },
    tfjs: ({ tf }, [x], { shape }) => tf.topk(x, shape[shape.length - 1], true).indices,
    flops: perElement(10),
  },
} satisfies Pick<OpRules, "argSort">;
