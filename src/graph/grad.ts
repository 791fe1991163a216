/**
 * @file Reverse-mode differentiation of the graph, and gradient checkpointing (https://arxiv.org/abs/1604.06174).
 * Gradients are ordinary nodes, so every pass and engine treats them like the forward pass.
 */
import type { OpName } from "./attrs.js";
import * as g from "./functions.js";
import { node, ruleOf } from "./node.js";
import type { Tensor } from "./tensor.js";

/** Gradients of a scalar with respect to tensors, in their order; zeros where nothing depends on one. */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.length) throw new Error(`internal: grad of a tensor of shape [${loss.shape}], not of a scalar`);
  return pullBack(loss, g.splat(1), wrt);
}

/**
 * y = fn(inputs); in the backward pass the block is traced and run again instead of kept. fn must come to the same nodes each time; what it
 * reads beside its inputs is kept.
 */
export function recompute(
  fn: (inputs: readonly Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  y: Tensor = fn(inputs),
): Tensor {
  const params = leavesBetween(y, inputs);
  return node("recompute", [y, ...inputs, ...params], { rebuild: fn, count: inputs.length });
}

/** Nodes that `root` depends on, ascending by id; stops behind `stops`. */
export function ancestors(root: readonly Tensor[], stops: ReadonlySet<Tensor> = new Set()): Tensor[] {
  const seen = new Set<Tensor>();
  const stack = [...root];
  for (let next = stack.pop(); next; next = stack.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (!stops.has(next)) stack.push(...next.inputs);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

const leavesBetween = (y: Tensor, inputs: readonly Tensor[]) =>
  ancestors([y], new Set(inputs)).filter((x) => x.op === "param" && !inputs.includes(x));

/**
 * Cotangents of `wrt` for a cotangent `dy` of `y`. Before a block is rebuilt, `y` and what has been found of `wrt` must be there: an engine free to
 * compute those last would keep what they are computed from until then.
 */
function pullBack(y: Tensor, dy: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const targets = new Set(wrt); // each is taken as independent of the others
  const order = ancestors([y], targets);
  const active = new Set<Tensor>(wrt);
  for (const x of order) if (!active.has(x) && x.inputs.some((input) => active.has(input))) active.add(x);
  const cotangents = new Map<Tensor, Tensor>([[y, dy]]);
  const due = [y];
  for (const x of order.reverse()) {
    const d = cotangents.get(x);
    if (!d || !active.has(x) || targets.has(x)) continue;
    cotangents.delete(x); // not needed again: the graph keeps it alive only where it is used
    const parts = isRecompute(x)
      ? rebuildAndPull(x, due.length ? g.barrier(d, ...due.splice(0)) : d, active)
      : ruleOf<OpName>(x.op).grad(x, d, g);
    parts.forEach((part, i) => {
      const input = x.inputs[i];
      if (!part || !active.has(input)) return;
      const known = cotangents.get(input);
      const sum = known ? g.add(known, part) : part;
      cotangents.set(input, sum);
      if (targets.has(input)) due.push(sum);
    });
  }
  return wrt.map((x) => cotangents.get(x) ?? g.splat(0, x.shape));
}

const isRecompute = (x: Tensor): x is Tensor<"recompute"> => x.op === "recompute";

/** The block again, behind barriers on the incoming cotangent, so that it is neither merged with the first nor run early. */
function rebuildAndPull(
  x: Tensor<"recompute">,
  d: Tensor,
  active: ReadonlySet<Tensor>,
): readonly (Tensor | undefined)[] {
  const { count, rebuild } = x.attrs;
  const [, ...known] = x.inputs;
  const again = known.map((input, i) => (i < count && input.dtype === "float32" ? g.barrier(input, d) : input));
  const wanted = again.filter((_, i) => active.has(known[i]));
  const parts = pullBack(rebuild(again.slice(0, count)), d, wanted);
  return [undefined, ...again.map((input) => parts[wanted.indexOf(input)])];
}
