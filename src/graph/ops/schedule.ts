/** @file Ops that compute nothing but decide when things run: the barrier and gradient checkpointing. */
import type { OpRules } from "../rule.js";
import { sizeOf } from "../tensor.js";
import { noFlops, sameAsFirst } from "./common.js";

export const scheduleRules = {
  barrier: {
    shape: sameAsFirst,
    grad: (_node, dy) => [dy, undefined],
    // a reshape whose target depends on the data of `after`: bit-exact, free, and opaque to the optimiser
    onnx: (onnx, [x, after], { shape, inputs }) => {
      const flat = onnx.op("Reshape", [after, onnx.ints([sizeOf(inputs[1].shape)])]);
      const one = onnx.op("Slice", [flat, onnx.ints([0]), onnx.ints([1]), onnx.ints([0])]);
      const zero = onnx.op("Mul", [onnx.op("Cast", [onnx.op("Equal", [one, one])], { to: 7 }), onnx.ints([0])]);
      return onnx.op("Reshape", [x, onnx.op("Add", [onnx.ints(shape), zero])]);
    },
    tfjs: (_tf, [x]) => x,
    flops: noFlops,
  },
  recompute: {
    shape: sameAsFirst,
    grad: () => {
      throw new Error("internal: grad.ts differentiates recompute itself");
    },
    onnx: (_onnx, [y]) => y,
    tfjs: (_tf, [y]) => y,
    flops: noFlops,
  },
} satisfies Partial<OpRules>;
