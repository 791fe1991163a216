/** @file Creation of graph nodes: the one place where a Tensor comes to be. */
import type { OpAttrs, OpName } from "./attrs.js";
import { rules } from "./ops/index.js";
import type { OpRule } from "./rule.js";
import type { Tensor } from "./tensor.js";

let created = 0; // ids only order nodes; they never reach a file

/** The rule row of an op. */
export function ruleOf<K extends OpName>(op: K): OpRule<K> {
  return rules[op];
}

/** Traces one op; shape and type follow from its rule. */
export function node<K extends OpName>(op: K, inputs: readonly Tensor[], attrs: OpAttrs[K]): Tensor<K> {
  const { shape, dtype } = ruleOf(op).shape(inputs, attrs);
  return { id: created++, op, inputs, attrs, shape, dtype };
}
