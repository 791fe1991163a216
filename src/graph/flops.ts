/** @file FLOPs of a graph: the sum of its rules'. A multiply-add counts as two. */
import type { OpName } from "./attrs.js";
import { ancestors } from "./grad.js";
import { ruleOf } from "./node.js";
import type { Tensor } from "./tensor.js";

/** Floating-point operations to compute these tensors once. */
export function flopsOf(outputs: readonly Tensor[]): number {
  return ancestors(outputs).reduce((sum, x) => sum + ruleOf<OpName>(x.op).flops(x), 0);
}
