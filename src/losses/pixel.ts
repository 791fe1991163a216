/**
 * @file Losses that are means over pixels: `ce` (torch.nn.CrossEntropyLoss), `bce`, `focal` (SMP's, one sigmoid a class).
 * Ignored pixels leave the mean's denominator as well; a crop without any kept pixel gives 0.
 */
import type { Loss, LossInput } from "../contract.js";
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";
import { classMean, elementwiseBce, keptPixels, pixelWeights, targets, weightedMean } from "./common.js";

const ce: Loss<{ smoothing: number }> = {
  about: "cross-entropy over classes, mean over kept pixels (torch.nn.CrossEntropyLoss); smoothing: label smoothing",
  defaults: { smoothing: 0 },
  forward(input, { smoothing }) {
    if (input.logits.shape[1] === 1) return bce.forward(input, {});
    const hard = weightedMean(g.crossEntropy(input.logits, input.labels), pixelWeights(input));
    if (smoothing === 0) return hard;
    return g.add(g.mul(hard, 1 - smoothing), g.mul(uniformCrossEntropy(input), smoothing));
  },
};

/** Cross-entropy against the uniform distribution: the smoothed part of torch's label_smoothing. */
function uniformCrossEntropy(input: LossInput): Tensor {
  const { logits, classWeights } = input;
  const C = logits.shape[1];
  const shares = g.constant({ data: Float32Array.from(classWeights ?? Array(C).fill(1)), shape: [1, C, 1, 1] });
  const perPixel = g.div(g.neg(g.sum(g.mul(g.logSoftmax(logits, 1), shares), 1)), C);
  const total = g.sum(pixelWeights(input));
  return g.div(g.sum(g.mul(perPixel, keptPixels(input))), g.where(g.greater(total, 0), total, 1));
}

const bce: Loss<object> = {
  about: "binary cross-entropy with logits, mean over kept pixels (and over classes, one against the rest)",
  defaults: {},
  forward(input) {
    const perPixel = g.mean(elementwiseBce(input, targets(input)), 1); // [B, H, W]
    return weightedMean(perPixel, pixelWeights(input));
  },
};

/** Below what 1 - p is in float32 for any p < 1. */
const TINY = 1e-12;

const focal: Loss<{ gamma: number; alpha: number }> = {
  about: "focal loss, one sigmoid a class, mean over classes (SMP FocalLoss); alpha 0: no class prior",
  defaults: { gamma: 2, alpha: 0 },
  forward(input, { gamma, alpha }) {
    const [B, C, H, W] = input.logits.shape;
    const target = targets(input);
    const entropy = elementwiseBce(input, target);
    const miss = g.maximum(g.sub(1, g.exp(g.neg(entropy))), TINY); // 0 has no gradient below a gamma of 1
    const focus = g.pow(miss, gamma);
    const prior = alpha === 0 ? 1 : g.add(g.mul(target, 2 * alpha - 1), 1 - alpha);
    const kept = g.reshape(keptPixels(input), [B, 1, H, W]);
    const sums = g.sum(g.mul(g.mul(g.mul(focus, entropy), prior), kept), [0, 2, 3]); // [C]
    const count = g.sum(kept);
    return classMean(g.reshape(g.div(sums, g.where(g.greater(count, 0), count, 1)), [C]), input);
  },
};

export const pixel = { ce, bce, focal };
