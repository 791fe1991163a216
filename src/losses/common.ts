/** @file What the losses share: class targets and probabilities with ignored pixels taken out. */
import { IGNORE, type LossInput } from "../contract.js";
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";

/** float32 [B, H, W]: 1 where the pixel counts. */
export function keptPixels({ labels }: LossInput): Tensor {
  return g.sub(1, g.cast(g.equal(labels, IGNORE), "float32"));
}

/** One-hot targets [B, C, H, W], all zero where ignored; with one channel: 1 for the foreground. */
export function targets({ logits, labels }: LossInput): Tensor {
  const [B, C, H, W] = logits.shape;
  if (C > 1) return g.oneHot(labels, C);
  return g.reshape(g.cast(g.equal(labels, 1), "float32"), [B, 1, H, W]);
}

/** Softmax over classes, or the sigmoid of a single channel. [B, C, H, W] */
export function probabilities({ logits }: LossInput): Tensor {
  return logits.shape[1] > 1 ? g.softmax(logits, 1) : g.sigmoid(logits);
}

/** Binary cross-entropy of every channel against its target, from logits. [B, C, H, W] */
export function elementwiseBce({ logits }: LossInput, target: Tensor): Tensor {
  return g.sub(g.softplus(logits), g.mul(logits, target));
}

/** Weight of every pixel [B, H, W]: its class' weight, 0 where ignored. */
export function pixelWeights(input: LossInput): Tensor {
  const weights = input.classWeights;
  if (!weights) return keptPixels(input);
  const [first, second] = weights;
  if (input.logits.shape[1] === 1) {
    const foreground = g.mul(g.cast(g.equal(input.labels, 1), "float32"), second - first);
    return g.mul(g.add(foreground, first), keptPixels(input));
  }
  return g.sum(g.mul(targets(input), weightVector(weights)), 1);
}

/** Mean of values a class [C] weighted by the class weights; the plain mean without them or with a single channel. */
export function classMean(values: Tensor, input: LossInput): Tensor {
  const weights = input.classWeights;
  if (!weights || values.shape[0] === 1) return g.mean(values);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return g.div(g.sum(g.mul(values, g.reshape(weightVector(weights), [weights.length]))), total);
}

function weightVector(weights: readonly number[]): Tensor {
  return g.constant({ data: Float32Array.from(weights), shape: [1, weights.length, 1, 1] });
}

/** sum(values) / max(sum(weights), tiny): 0 with a zero gradient when nothing counts. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  const total = g.sum(weights);
  const safe = g.where(g.greater(total, 0), total, 1);
  return g.div(g.sum(g.mul(values, weights)), safe);
}
