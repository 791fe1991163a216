/**
 * @file Losses over the overlap of regions, with SMP's semantics (segmentation_models_pytorch/losses/{dice,jaccard,tversky,mcc}.py):
 * sums over batch and pixels a class, 0 for classes without true pixels, mean over all classes. Ignored pixels are in no sum.
 * Targets are hard, so SMP's (sum p + sum t - |p - t|) / 2 equals sum p t, which is what is computed.
 */
import type { Loss, LossInput } from "../contract.js";
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";
import { classMean, keptPixels, probabilities, targets } from "./common.js";

interface RegionOptions {
  readonly smooth: number;
  readonly logLoss: boolean;
}

const EPSILON = 1e-7;

const dice: Loss<RegionOptions & object> = {
  about: "1 - Dice coefficient (SMP DiceLoss)",
  defaults: { smooth: 0, logLoss: false },
  forward: (input, options) => classMean(overlapLoss(input, 0.5, 0.5, options), input),
};

const jaccard: Loss<RegionOptions & object> = {
  about: "1 - IoU (SMP JaccardLoss)",
  defaults: { smooth: 0, logLoss: false },
  forward: (input, options) => classMean(overlapLoss(input, 1, 1, options), input),
};

const tversky: Loss<RegionOptions & { alpha: number; beta: number; gamma: number }> = {
  about:
    "1 - Tversky index, false positives weighted alpha, false negatives beta, mean to the power gamma (SMP TverskyLoss)",
  defaults: { smooth: 0, logLoss: false, alpha: 0.5, beta: 0.5, gamma: 1 },
  forward(input, { alpha, beta, gamma, ...options }) {
    const mean = classMean(overlapLoss(input, alpha, beta, options), input);
    return gamma === 1 ? mean : g.pow(mean, gamma);
  },
};

/** Loss a class [C]: 1 - (tp + smooth) / (tp + alpha fp + beta fn + smooth), or minus its logarithm. */
function overlapLoss(input: LossInput, alpha: number, beta: number, { smooth, logLoss }: RegionOptions): Tensor {
  const { p, t } = maskedPair(input);
  const overlap = g.sum(g.mul(p, t), [0, 2, 3]);
  const truth = g.sum(t, [0, 2, 3]);
  const misses = g.add(g.mul(g.sub(g.sum(p, [0, 2, 3]), overlap), alpha), g.mul(g.sub(truth, overlap), beta));
  const whole = g.add(g.add(overlap, misses), smooth);
  const score = g.div(g.add(overlap, smooth), g.maximum(whole, EPSILON));
  const loss = logLoss ? g.neg(g.log(g.maximum(score, EPSILON))) : g.sub(1, score);
  return g.mul(loss, g.cast(g.greater(truth, 0), "float32"));
}

function maskedPair(input: LossInput): { p: Tensor; t: Tensor; kept: Tensor } {
  const [B, , H, W] = input.logits.shape;
  const kept = g.reshape(keptPixels(input), [B, 1, H, W]);
  return { p: g.mul(probabilities(input), kept), t: targets(input), kept };
}

const mcc: Loss<{ eps: number }> = {
  about:
    "1 - Matthews correlation coefficient, one class against the rest (SMP MCCLoss, which takes probabilities and two classes)",
  defaults: { eps: 1e-5 },
  forward(input, { eps }) {
    const { p, t, kept } = maskedPair(input);
    const total = (x: Tensor) => g.add(g.sum(x, [0, 2, 3]), eps);
    const notP = g.sub(kept, p);
    const notT = g.sub(kept, t);
    const [tp, tn] = [total(g.mul(p, t)), total(g.mul(notP, notT))];
    const [fp, fn] = [total(g.mul(p, notT)), total(g.mul(notP, t))];
    const roots = [g.add(tp, fp), g.add(tp, fn), g.add(tn, fp), g.add(tn, fn)].map((x): Tensor => g.sqrt(x));
    const denominator = roots.reduce((product, root) => g.mul(product, root));
    const loss = g.sub(1, g.div(g.sub(g.mul(tp, tn), g.mul(fp, fn)), denominator));
    return g.mul(classMean(loss, input), g.cast(g.greater(g.sum(kept), 0), "float32"));
  },
};

export const region = { dice, jaccard, tversky, mcc };
