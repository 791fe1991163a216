/** @file Runs a traced model with parameters filled by name: value, gradients of sum(out * cotangent), renewed buffers. */
import type { Engine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import { grad } from "../../src/graph/grad.js";
import { sizeOf, type Tensor, type TensorData } from "../../src/graph/tensor.js";
import type { Recording } from "../../src/scope.js";
import { fill } from "./filler.js";
import { parameter } from "./parameters.js";

export interface Traced {
  readonly recording: Recording;
  readonly image: Tensor;
  readonly out: Tensor;
}

/** Feeds of every parameter and buffer by name, and ones for dropout masks. */
export function feedsOf({ slots, dropouts }: Recording): Record<string, TensorData> {
  const filled = [...slots].map(([name, { tensor }]) => [name, parameter(name, tensor.shape)] as const);
  const ones = dropouts.map(
    ({ name, shape }) => [name, { data: new Float32Array(sizeOf(shape)).fill(1), shape }] as const,
  );
  return Object.fromEntries([...filled, ...ones]);
}

/** The graph with `out`, a gradient `d/NAME` for the image and every trained parameter, and renewed buffers `new/NAME`. */
export function withGradients({ recording, image, out }: Traced): Record<string, Tensor> {
  const trained = [...recording.slots].filter(([, slot]) => slot.trainable);
  const targets: [string, Tensor][] = [
    ["image", image],
    ...trained.map(([name, slot]): [string, Tensor] => [name, slot.tensor]),
  ];
  const found = grad(
    g.sum(g.mul(out, g.input("cotangent", out.shape))),
    targets.map(([, tensor]) => tensor),
  );
  const gradients = targets.map(([name], i) => [`d/${name}`, found[i]] as const);
  const renewed = [...recording.updates].map(([name, value]) => [`new/${name}`, value] as const);
  return { out, ...Object.fromEntries([...gradients, ...renewed]) };
}

/** Compiles and runs once; feeds that the graph does not ask for are left out. */
export async function runOnce(
  engine: Engine,
  outputs: Record<string, Tensor>,
  feeds: Record<string, TensorData>,
): Promise<Record<string, TensorData>> {
  const program = await engine.compile({ outputs });
  const result = await program.run(Object.fromEntries(program.feeds.map((name) => [name, feeds[name]])));
  await program.dispose();
  return result;
}

/** A filled tensor. */
export const filled = (seed: number, shape: readonly number[], scale = 2): TensorData => ({
  data: fill(seed, sizeOf(shape), scale),
  shape,
});
