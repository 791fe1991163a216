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

/** L2 norm of all gradients, summed in double precision. */
export function normOf(outputs: Readonly<Record<string, TensorData>>): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(outputs))
    if (name.startsWith("grad/")) sum += sumOfSquares(data as Float32Array);
  return Math.sqrt(sum);
}

/** In four sums that do not wait for each other. */
function sumOfSquares(values: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += values[i] * values[i];
    b += values[i + 1] * values[i + 1];
    c += values[i + 2] * values[i + 2];
    d += values[i + 3] * values[i + 3];
  }
  for (let i = whole; i < values.length; i++) a += values[i] * values[i];
  return a + b + c + d;
}
