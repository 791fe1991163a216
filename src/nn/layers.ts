/**
 * @file Layers on graph ops; parameter names are torch.nn's. Images NCHW, tokens with channels last.
 * Default initialisation is torch's: kaiming_uniform(a = sqrt 5) for convolutions and linear layers.
 */
import type { Init, Scope } from "../contract.js";
import { SegError } from "../errors.js";
import * as g from "../graph/functions.js";
import type { ConvOptions } from "../graph/functions.js";
import { sizeOf, type Tensor } from "../graph/tensor.js";

/** Initial weights of torch.nn.Conv2d and Linear. */
export const TORCH_DEFAULT: Init = { kind: "kaiming-uniform", fan: "in", a: Math.sqrt(5) };
const ONE: Init = { kind: "constant", value: 1 };

export interface ConvLayer extends ConvOptions {
  readonly kernel: number;
  /** Default true. */
  readonly bias?: boolean;
  readonly init?: Init;
}

/** torch.nn.Conv2d: x [B, C, H, W] -> [B, out, H', W']. */
export function conv2d(s: Scope, x: Tensor, out: number, layer: ConvLayer): Tensor {
  const { kernel, bias = true, init = TORCH_DEFAULT, ...options } = layer;
  const y = g.conv2d(x, s.param("weight", [out, x.shape[1] / (layer.groups ?? 1), kernel, kernel], init), options);
  return bias ? g.add(y, g.reshape(s.param("bias", [out]), [1, out, 1, 1])) : y;
}

/** torch.nn.ConvTranspose2d with kernel = stride. */
export function convTranspose2d(s: Scope, x: Tensor, out: number, stride: number): Tensor {
  const y = g.convTranspose2d(x, s.param("weight", [x.shape[1], out, stride, stride], TORCH_DEFAULT), stride);
  return g.add(y, g.reshape(s.param("bias", [out]), [1, out, 1, 1]));
}

/** torch.nn.Linear over the last axis. */
export function linear(s: Scope, x: Tensor, out: number, init: Init = TORCH_DEFAULT): Tensor {
  const weight = s.param("weight", [out, x.shape[x.shape.length - 1]], init);
  return g.add(g.matmul(x, g.transpose(weight, [1, 0])), s.param("bias", [out]));
}

/** torch.nn.LayerNorm over the last axis. */
export function layerNorm(s: Scope, x: Tensor, epsilon: number): Tensor {
  const channels = x.shape[x.shape.length - 1];
  return g.layerNorm(x, s.param("weight", [channels], ONE), s.param("bias", [channels]), epsilon);
}

/** Layer norm over the channels of NCHW (SAM's LayerNorm2d, epsilon 1e-6). */
export function layerNorm2d(s: Scope, x: Tensor, epsilon = 1e-6): Tensor {
  const last = g.transpose(x, [0, 2, 3, 1]);
  return g.transpose(layerNorm(s, last, epsilon), [0, 3, 1, 2]);
}

const BN_EPSILON = 1e-5;
const BN_MOMENTUM = 0.1; // torch: the weight of the new value

/** torch.nn.BatchNorm2d: batch statistics in training (running ones are renewed, variance unbiased), running ones otherwise. */
export function batchNorm2d(s: Scope, x: Tensor): Tensor {
  const channels = x.shape[1];
  const gamma = s.param("weight", [channels], ONE);
  const beta = s.param("bias", [channels]);
  const mean = s.buffer("running_mean", [channels]);
  const variance = s.buffer("running_var", [channels], ONE);
  if (!s.training) return g.channelNorm(x, mean, variance, gamma, beta, BN_EPSILON);
  const count = sizeOf(x.shape) / channels;
  if (count === 1)
    throw new SegError(
      s.path,
      "batch norm needs more than one value a channel in training",
      "use a larger batch or image",
    );
  const blend = (old: Tensor, fresh: Tensor) => g.add(g.mul(old, 1 - BN_MOMENTUM), g.mul(fresh, BN_MOMENTUM));
  const frozen = g.stopGradient(x);
  s.update("running_mean", blend(mean, g.channelMean(frozen)));
  s.update("running_var", blend(variance, g.mul(g.channelVariance(frozen), count / (count - 1))));
  return g.batchNorm(x, gamma, beta, BN_EPSILON);
}

/** torch.nn.GroupNorm of NCHW. */
export function groupNorm(s: Scope, x: Tensor, groups: number, epsilon = 1e-5): Tensor {
  const channels = x.shape[1];
  return g.groupNorm(x, s.param("weight", [channels], ONE), s.param("bias", [channels]), { groups, epsilon });
}

/** torch's two-layer perceptron of a transformer block with exact GELU: lin1, lin2. */
export function mlp(s: Scope, x: Tensor, hidden: number): Tensor {
  const width = x.shape[x.shape.length - 1];
  return linear(s.at("lin2"), g.gelu(linear(s.at("lin1"), x, hidden)), width);
}
