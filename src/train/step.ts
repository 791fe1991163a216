/** @file The first half of a training step: loss, gradients, new running statistics; and their sum over several passes (update.ts is the other). */
import type { Engine, Program } from "../engine/engine.js";
import { grad } from "../graph/grad.js";
import type { Tensor, TensorData } from "../graph/tensor.js";
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
