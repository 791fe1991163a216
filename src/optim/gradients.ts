/** @file Operations on all gradients at once, and averaged weights. */
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";

/** Total L2 norm, and the gradients scaled by max / (norm + 1e-6) where that is below 1 (torch.nn.utils.clip_grad_norm_). */
export function clipByGlobalNorm(gradients: readonly Tensor[], most: number): { gradients: Tensor[]; norm: Tensor } {
  const squares = gradients.map((gradient): Tensor => g.sumSquares(gradient));
  const norm = g.sqrt(squares.reduce((sum, square) => g.add(sum, square)));
  if (!Number.isFinite(most)) return { gradients: [...gradients], norm };
  const factor = g.minimum(g.div(most, g.add(norm, 1e-6)), 1);
  return { gradients: gradients.map((gradient) => g.mul(gradient, factor)), norm };
}

/** Exponential moving average: shadow * decay + value * (1 - decay). */
export function ema(value: Tensor, shadow: Tensor, decay: number): Tensor {
  return g.add(g.mul(shadow, decay), g.mul(value, 1 - decay));
}
