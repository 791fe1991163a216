/**
 * @file What every engine does to a graph before it runs: code nobody needs is left out, constants are folded, equal nodes become one. Barriers
 * keep recomputed blocks apart from the first computation, because a node behind a barrier has another input.
 */
import type { OpName } from "../attrs.js";
import { ancestors } from "../grad.js";
import { node } from "../node.js";
import type { Tensor } from "../tensor.js";
import { fold } from "./fold.js";

type Outputs = Readonly<Record<string, Tensor>>;

/** The same outputs from fewer nodes. */
export function simplify(outputs: Outputs): Outputs {
  const merged = new Map<string, Tensor>();
  const now = new Map<Tensor, Tensor>();
  for (const x of ancestors(Object.values(outputs))) {
    const inputs = x.inputs.map((input) => now.get(input) as Tensor);
    const folded = fold(x, inputs) ?? withInputs(x, inputs);
    const key = keyOf(folded);
    const known = merged.get(key);
    if (!known) merged.set(key, folded);
    now.set(x, known ?? folded);
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, x]) => [name, now.get(x) as Tensor]));
}

function withInputs(x: Tensor, inputs: readonly Tensor[]): Tensor {
  return inputs.every((input, i) => input === x.inputs[i]) ? x : node<OpName>(x.op, inputs, x.attrs);
}

let constants = 0;
const constantIds = new WeakMap<object, number>();

/** Equal for nodes that compute the same. Constants are told apart by their data's identity, functions in attributes likewise. */
function keyOf({ op, inputs, attrs }: Tensor): string {
  const told = JSON.stringify(attrs, (_, value) => (isOpaque(value) ? `#${identity(value)}` : value));
  return `${op}(${inputs.map(({ id }) => id).join(",")})${told}`;
}

const isOpaque = (value: unknown): value is object => typeof value === "function" || ArrayBuffer.isView(value);

function identity(value: object): number {
  const known = constantIds.get(value) ?? constants++;
  constantIds.set(value, known);
  return known;
}
