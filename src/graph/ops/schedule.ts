/** @file Ops that compute nothing but decide when things run: the barrier and gradient checkpointing. */
import type { OpRules } from "../rule.js";
import { sizeOf } from "../tensor.js";
import { noFlops, sameAsFirst } from "./common.js";

export const scheduleRules = {
  barrier: {
    shape: sameAsFirst,
    grad: (_node, dy) => [dy],
    // a reshape whose target depends on the data of `after`: bit-exact, free, and opaque to the optimiser
    onnx: (onnx, [x, ...after], { shape, inputs: [, ...tensors] }) => {
      const firsts = after.map((value, i) => {
        const flat = onnx.op("Reshape", [value, onnx.ints([sizeOf(tensors[i].shape)])]);
        return onnx.op("Slice", [flat, onnx.ints([0]), onnx.ints([1]), onnx.ints([0])]);
      });
      const all = firsts.length > 1 ? onnx.op("Concat", firsts, { axis: 0 }) : firsts[0];
      const zeros = onnx.op("Mul", [onnx.op("Cast", [onnx.op("Equal", [all, all])], { to: 7 }), onnx.ints([0])]);
      const zero = firsts.length > 1 ? onnx.op("ReduceSum", [zeros, onnx.ints([0])], { keepdims: 1 }) : zeros;
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
