/**
 * @file The two programs of a training step: `gradients` (loss, gradients, new running statistics) and `apply`
 * (clip, optimizer, averaged weights). Between them gradients are accumulated. A step whose loss or gradients are not
 * finite changes nothing.
 */
import type { Engine, Program } from "../engine/engine.js";
import * as g from "../graph/functions.js";
import { grad } from "../graph/grad.js";
import type { Shape, Tensor, TensorData } from "../graph/tensor.js";
import { clipByGlobalNorm, ema, type Optimizer } from "../optim/index.js";
import type { StateDict } from "../weights/state.js";

/** A traced forward pass: its loss and what it depends on. */
export interface TracedLoss {
  readonly loss: Tensor;
  /** Parameters that are trained, by name. */
  readonly trainable: ReadonlyMap<string, Tensor>;
  /** New values of buffers (running statistics), by buffer name. */
  readonly updates: ReadonlyMap<string, Tensor>;
}

/** Compiles loss and gradients. Outputs: `loss`, `grad/NAME`, `buffer/NAME`. Frozen weights are constants. */
export function compileGradients(engine: Engine, traced: TracedLoss, frozen: StateDict): Promise<Program> {
  const names = [...traced.trainable.keys()];
  const gradients = grad(traced.loss, [...traced.trainable.values()]);
  const outputs: Record<string, Tensor> = { loss: traced.loss };
  names.forEach((name, i) => {
    outputs[`grad/${name}`] = gradients[i];
  });
  for (const [name, value] of traced.updates) outputs[`buffer/${name}`] = value;
  return engine.compile({ outputs }, { constants: frozen });
}

export interface ApplyPlan {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly optimizer: Optimizer;
  /** Largest gradient norm; 0: none. */
  readonly clip: number;
  /** Decay of averaged weights; 0: none. */
  readonly ema: number;
}

/**
 * Compiles the update. Feeds: `NAME`, `grad/NAME`, `slot/SLOT/NAME`, `ema/NAME`, the optimizer's scalars as `scalar/NAME`, and
 * `scale` (1 / accumulated passes). Outputs: the renewed values as `next/NAME` and so on, `norm`, and `finite` (1 or 0).
 */
export function compileApply(engine: Engine, plan: ApplyPlan): Promise<Program> {
  const scalars = Object.fromEntries(plan.optimizer.scalars.map((name) => [name, g.input(`scalar/${name}`, [])]));
  const names = [...plan.shapes.keys()];
  const shapeOf = (name: string) => plan.shapes.get(name) as Shape;
  const scale = g.input("scale", []);
  const raw = names.map((name) => g.mul(g.input(`grad/${name}`, shapeOf(name)), scale));
  const { gradients, norm } = clipByGlobalNorm(raw, plan.clip > 0 ? plan.clip : Number.POSITIVE_INFINITY);
  const updates = names.map((name, i) => updateOne(name, shapeOf(name), gradients[i], plan, scalars));
  const sizes = updates.map(({ next }) => g.sumSquares(next.param)); // a huge step can overflow a weight, too
  const finite = g.isFinite(sizes.reduce((sum, size): Tensor => g.add(sum, size), norm));
  const outputs: Record<string, Tensor> = { norm, finite: g.cast(finite, "float32") };
  names.forEach((name, i) => {
    Object.assign(outputs, keepFinite(name, shapeOf(name), updates[i], plan, finite));
  });
  return engine.compile({ outputs });
}

interface Update {
  readonly param: Tensor;
  readonly slots: readonly Tensor[];
  readonly next: ReturnType<Optimizer["update"]>;
}

function updateOne(
  name: string,
  shape: Shape,
  gradient: Tensor,
  plan: ApplyPlan,
  scalar: Readonly<Record<string, Tensor>>,
): Update {
  const param = g.input(name, shape);
  const slots = plan.optimizer.slots.map((slot) => g.input(`slot/${slot}/${name}`, shape));
  return { param, slots, next: plan.optimizer.update({ param, grad: gradient, slots, scalar }) };
}

function keepFinite(
  name: string,
  shape: Shape,
  { param, slots, next }: Update,
  plan: ApplyPlan,
  finite: Tensor,
): Record<string, Tensor> {
  const keep = (fresh: Tensor, old: Tensor) => g.where(finite, fresh, old);
  const outputs: Record<string, Tensor> = { [`next/${name}`]: keep(next.param, param) };
  plan.optimizer.slots.forEach((slot, i) => {
    outputs[`next/slot/${slot}/${name}`] = keep(next.slots[i], slots[i]);
  });
  if (plan.ema > 0) {
    const shadow = g.input(`ema/${name}`, shape);
    outputs[`next/ema/${name}`] = keep(ema(outputs[`next/${name}`], shadow, plan.ema), shadow);
  }
  return outputs;
}

/** Sums gradients of several passes into the first one's arrays. */
export function accumulate(
  total: Record<string, TensorData> | undefined,
  next: Record<string, TensorData>,
): Record<string, TensorData> {
  if (!total) return next;
  for (const [name, { data }] of Object.entries(next)) {
    if (!name.startsWith("grad/") && name !== "loss") {
      total[name] = next[name]; // running statistics: the last pass counts
      continue;
    }
    const sum = total[name].data;
    for (let i = 0; i < sum.length; i++) sum[i] += data[i];
  }
  return total;
}
