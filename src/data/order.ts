/** @file Which samples a step sees: a pure function of (seed, step), so a resumed run sees what the unbroken one would have. */
import { permutation } from "../random.js";

/** One draw: the sample's index and its epoch. */
export interface Draw {
  readonly index: number;
  readonly epoch: number;
}

/** Draws `position .. position + count - 1` of the endless sequence of shuffled epochs over `samples` samples. */
export function draws(samples: number, seed: number, position: number, count: number): Draw[] {
  const orders = new Map<number, Uint32Array>();
  return Array.from({ length: count }, (_, i) => {
    const at = position + i;
    const epoch = Math.floor(at / samples);
    const order = orders.get(epoch) ?? permutation(samples, seed, `order/${epoch}`);
    orders.set(epoch, order);
    return { index: order[at % samples], epoch };
  });
}
