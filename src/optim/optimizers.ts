/**
 * @file Optimizers as graph updates with torch.optim's arithmetic (torch/optim/{adamw,adam,sgd}.py). What depends on the step number is
 * computed here in double precision and fed as scalars: 1 - 0.999^t in float32 would be wrong in the fifth digit.
 */
import * as g from "../graph/functions.js";
import type { Tensor } from "../graph/tensor.js";

/** Settings of one step. */
export interface StepSettings {
  /** 1 for the first step. */
  readonly step: number;
  readonly lr: number;
  /** Adam's beta1, or the momentum of sgd. */
  readonly beta1: number;
  readonly weightDecay: number;
}

export interface UpdateInput {
  readonly param: Tensor;
  readonly grad: Tensor;
  readonly slots: readonly Tensor[];
  /** The scalars of `values`, as graph inputs. */
  readonly scalar: Readonly<Record<string, Tensor>>;
}

export interface Optimizer {
  /** Names of the state kept per parameter; starts at zero. */
  readonly slots: readonly string[];
  /** Names of the scalars of a step. */
  readonly scalars: readonly string[];
  values(settings: StepSettings): Record<string, number>;
  update(input: UpdateInput): { readonly param: Tensor; readonly slots: readonly Tensor[] };
}

const BETA2 = 0.999;
const EPSILON = 1e-8;

const adamScalars = ["keep", "decay", "rise", "stepSize", "rootCorrection"] as const;

/** keep: factor of the weight itself; decay: share of the weight in its gradient; rise: 1 - beta1. */
function adamValues(settings: StepSettings, decoupled: boolean): Record<(typeof adamScalars)[number], number> {
  const { step, lr, beta1, weightDecay } = settings;
  return {
    keep: decoupled ? 1 - lr * weightDecay : 1,
    decay: decoupled ? 0 : weightDecay,
    rise: 1 - beta1,
    stepSize: lr / (1 - beta1 ** step),
    rootCorrection: Math.sqrt(1 - BETA2 ** step),
  };
}

function adamUpdate({ param, grad, slots: [m, v], scalar }: UpdateInput) {
  const slope = g.add(grad, g.mul(param, scalar.decay));
  const first = g.add(m, g.mul(g.sub(slope, m), scalar.rise));
  const second = g.add(g.mul(v, BETA2), g.mul(g.square(slope), 1 - BETA2));
  const denominator = g.add(g.div(g.sqrt(second), scalar.rootCorrection), EPSILON);
  const moved = g.sub(g.mul(param, scalar.keep), g.mul(g.div(first, denominator), scalar.stepSize));
  return { param: moved, slots: [first, second] };
}

const adamFamily = (decoupled: boolean): Optimizer => ({
  slots: ["m", "v"],
  scalars: adamScalars,
  values: (settings) => adamValues(settings, decoupled),
  update: adamUpdate,
});

const sgd: Optimizer = {
  slots: ["momentum"],
  scalars: ["lr", "decay", "momentum"],
  values: ({ lr, beta1, weightDecay }) => ({ lr, decay: weightDecay, momentum: beta1 }),
  update({ param, grad, slots: [buffer], scalar }) {
    const slope = g.add(grad, g.mul(param, scalar.decay));
    const next = g.add(g.mul(buffer, scalar.momentum), slope);
    return { param: g.sub(param, g.mul(next, scalar.lr)), slots: [next] };
  },
};

/** adamw: decoupled weight decay; adam: decay in the gradient; sgd: with momentum. */
export const optimizers = { adamw: adamFamily(true), adam: adamFamily(false), sgd } as const;
