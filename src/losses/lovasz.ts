/**
 * @file Lovasz losses (Berman et al. 2018, https://arxiv.org/abs/1705.08790; SMP losses/lovasz.py): the hinge for one channel, the softmax
 * form over the classes present. Pixels of the whole batch are sorted together; ties keep their order.
 */
import type { Loss, LossInput } from "../contract.js";
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";
import { keptPixels, probabilities, targets } from "./common.js";

/** Below every error, so that ignored pixels sort last and count nothing. */
const LAST = -1e9;

const lovaszLoss: Loss<object> = {
  about: "Lovasz hinge (one channel) or Lovasz softmax over the classes present (SMP LovaszLoss)",
  defaults: {},
  forward(input) {
    const C = input.logits.shape[1];
    const truth = byClass(targets(input)); // [C, P]
    const kept = g.reshape(keptPixels(input), [1, truth.shape[1]]);
    const perClass = surrogate(g.where(g.greater(kept, 0), errors(input, truth), LAST), truth); // [C]
    if (C === 1) return g.sum(perClass);
    const present = g.cast(g.greater(g.sum(truth, 1), 0), "float32");
    return g.div(g.sum(g.mul(perClass, present)), g.maximum(g.sum(present), 1));
  },
};

function errors(input: LossInput, truth: Tensor): Tensor {
  if (input.logits.shape[1] > 1) return g.abs(g.sub(truth, byClass(probabilities(input))));
  return g.sub(1, g.mul(byClass(input.logits), g.sub(g.mul(truth, 2), 1)));
}

/** [B, C, H, W] to [C, B H W]. */
function byClass(x: Tensor): Tensor {
  const [B, C, H, W] = x.shape;
  return g.reshape(g.transpose(x, [1, 0, 2, 3]), [C, B * H * W]);
}

/** Errors sorted descending, weighted by the increments of the Jaccard loss along that order. */
function surrogate(error: Tensor, truth: Tensor): Tensor {
  const order = g.argSort(g.stopGradient(error));
  const weights = g.stopGradient(jaccardIncrements(g.takeAlong(truth, order)));
  return g.sum(g.mul(g.relu(g.takeAlong(error, order)), weights), 1);
}

function jaccardIncrements(sorted: Tensor): Tensor {
  const [C, P] = sorted.shape;
  const total = g.sum(sorted, 1, true);
  const intersection = g.sub(total, g.cumSum(sorted, 1));
  const union = g.add(total, g.cumSum(g.sub(1, sorted), 1));
  const jaccard = g.sub(1, g.div(intersection, union));
  if (P === 1) return jaccard;
  const before = g.pad(g.sliceAxis(jaccard, 1, 0, P - 1), [0, 1], [0, 0]);
  return g.reshape(g.sub(jaccard, before), [C, P]);
}

export const lovasz = { lovasz: lovaszLoss };
