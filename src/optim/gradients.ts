/** @file Clipping, and averaged weights. */
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";

/** What gradients of this total L2 norm are multiplied by: most / (norm + 1e-6) where that is below 1 (torch.nn.utils.clip_grad_norm_). */
export const clipFactor = (norm: number, most: number): number => Math.min(1, most / (norm + 1e-6));

/** Exponential moving average: shadow * decay + value * (1 - decay). */
export function ema(value: Tensor, shadow: Tensor, decay: number): Tensor {
  return g.add(g.mul(shadow, decay), g.mul(value, 1 - decay));
}
