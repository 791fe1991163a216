/**
 * @file The cases of test/fixtures/ops.py written with the graph's ops, by the same names: products, convolutions, pooling,
 * resizing, normalisation, softmax, attention, schedule.
 */
import type { ResizeMode } from "../../src/graph/attrs.js";
import * as g from "../../src/graph/functions.js";
import { recompute } from "../../src/graph/grad.js";
import type { Tensor } from "../../src/graph/tensor.js";
import { groupNorm, layerNorm2d } from "../../src/nn/index.js";
import { recordScope } from "../../src/scope.js";
import { type Build, type Cases, family } from "./op-cases.js";

const CONVS: Record<string, g.ConvOptions> = {
  "1x1": {},
  "3x3": { padding: 1 },
  valid: {},
  "7x7 stride 2": { padding: 3, stride: 2 },
  "3x3 stride 2 even": { padding: 1, stride: 2 },
  "1x1 stride 2": { stride: 2 },
  "strides apart": { stride: [2, 3], padding: [1, 0, 2, 1] },
  dilated: { padding: 2, dilation: 2 },
  "dilated strided": { padding: 2, dilation: 2, stride: 2 },
  groups: { padding: 1, groups: 2 },
  depthwise: { padding: 1, groups: 3, stride: 2 },
  patches: { stride: 4 },
  "5x5 wide pad": { padding: 4 },
};
const HALVING = { stride: [2, 2], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 } as const;

const products: Cases = {
  matmul: g.matmul,
  "matmul broadcast": g.matmul,
  "matmul tokens": g.matmul,
  "matmul batch": g.matmul,
  ...family(CONVS, (key, options) => [`conv2d ${key}`, (x, w) => g.conv2d(x, w, options)]),
  "convTranspose2d k2 s2": (x, w) => g.convTranspose2d(x, w, 2),
  "convTranspose2d k4 s2 p1": (x, w) => g.convTranspose2d(x, w, 2, 1),
  "convTranspose2d k3 s1 p1": (x, w) => g.convTranspose2d(x, w, 1, 1),
  conv2dWeightGrad: (x, dy) => g.conv2dWeightGrad(x, dy, HALVING, [4, 3, 3, 3]),
  upsampleConv2d: g.upsampleConv2d,
  "upsampleConv2d one pixel": g.upsampleConv2d,
  upsampleConv2dInputGrad: (dy, w) => g.upsampleConv2dInputGrad(dy, w, [1, 2, 2, 3]),
  upsampleConv2dWeightGrad: (x, dy) => g.upsampleConv2dWeightGrad(x, dy, [3, 2, 3, 3]),
};

const POOLS: Record<string, g.PoolOptions> = {
  k2: { kernel: 2 },
  "k3 s2 p1": { kernel: 3, stride: 2, padding: 1 },
  "k3 s1 p1": { kernel: 3, stride: 1, padding: 1 },
  "k3 s1": { kernel: 3, stride: 1 },
  "k2 s3": { kernel: 2, stride: 3 },
};
const THIRD = { kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] } as const;

const RESIZES: Record<string, [number, number]> = {
  up: [7, 8],
  down: [3, 4],
  twice: [6, 8],
  four: [8, 12],
  mixed: [7, 3],
  same: [3, 4],
  "to one": [1, 1],
  "from one": [3, 5],
  half: [3, 4],
};
/** Sizes where floor(i in / out) hangs on how the ratio is rounded. */
const ROUNDED: Record<string, [number, number]> = {
  "(14, 2) (4, 82)": [4, 82],
  "(21, 3) (12, 41)": [12, 41],
  "(18, 20) (7, 12)": [7, 12],
  "(3, 14) (123, 2)": [123, 2],
};
const MODES: ResizeMode[] = ["nearest", "bilinear", "bilinear-corners", "bicubic"];

const maps: Cases = {
  ...family(POOLS, (key, options) => [`maxPool2d ${key}`, (x) => g.maxPool2d(x, options)]),
  ...family(POOLS, (key, options) => [`avgPool2d ${key}`, (x) => g.avgPool2d(x, options)]),
  "maxPool2d ties": (x) => g.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
  avgPool2dGrad: (dy) => g.avgPool2dGrad(dy, THIRD, [2, 2, 7, 6]),
  ...Object.assign(
    {},
    ...MODES.map((mode) => family(RESIZES, (key, size) => [`resize ${mode} ${key}`, (x) => g.resize(x, size, mode)])),
  ),
  ...family(ROUNDED, (key, size) => [`resize nearest ${key}`, (x) => g.resize(x, size, "nearest")]),
  ...Object.fromEntries(
    MODES.map((mode): [string, Build] => [`resizeGrad ${mode}`, (dy) => g.resizeGrad(dy, [7, 4], mode, [1, 2, 3, 5])]),
  ),
};

/** A scope whose `weight` and `bias` are the given tensors. */
function scopeOf(weight: Tensor, bias: Tensor) {
  return recordScope({ training: true, hook: (_scope, name) => (name === "weight" ? weight : bias) }).scope;
}

const norms: Cases = {
  channelNorm: (x, gamma, beta, mean, variance) => g.channelNorm(x, mean, variance, gamma, beta, 1e-5),
  batchNorm: (x, gamma, beta) => g.batchNorm(x, gamma, beta, 1e-5),
  "batchNorm single": (x, gamma, beta) => g.batchNorm(x, gamma, beta, 1e-5),
  "batchNorm large mean": (x, gamma, beta) => g.batchNorm(x, gamma, beta, 1e-5),
  "batchNorm small": (x, gamma, beta) => g.batchNorm(x, gamma, beta, 1e-3),
  channelMean: g.channelMean,
  channelVariance: g.channelVariance,
  layerNorm: (x, gamma, beta) => g.layerNorm(x, gamma, beta, 1e-6),
  "layerNorm grid": (x, gamma, beta) => g.layerNorm(x, gamma, beta, 1e-5),
  "layerNorm small": (x, gamma, beta) => g.layerNorm(x, gamma, beta, 1e-6),
  groupNorm: (x, gamma, beta) => groupNorm(scopeOf(gamma, beta), x, 3),
  layerNorm2d: (x, gamma, beta) => layerNorm2d(scopeOf(gamma, beta), x),
};

const softmaxes: Cases = Object.fromEntries(
  [0, 1, -1].flatMap((axis): [string, Build][] => [
    [`softmax ${axis}`, (x) => g.softmax(x, axis)],
    [`logSoftmax ${axis}`, (x) => g.logSoftmax(x, axis)],
  ]),
);

const attentions: Cases = {
  ...softmaxes,
  "softmax extreme": (x) => g.softmax(x, 1),
  "logSoftmax extreme": (x) => g.logSoftmax(x, 1),
  crossEntropy: g.crossEntropy,
  "crossEntropy ignore": g.crossEntropy,
  "crossEntropy all ignored": g.crossEntropy,
  "crossEntropy extreme": g.crossEntropy,
  attention: (q, k, v) => g.attention(q, k, v, { heads: 2, scale: 0.5 }),
  "attention one head": (q, k, v) => g.attention(q, k, v, { heads: 1, scale: 0.25 }),
  "attention other values": (q, k, v) => g.attention(q, k, v, { heads: 2, scale: 1 }),
  relPosAttention: (q, k, v, h, w) => g.relPosAttention(q, k, v, h, w, { heads: 2, height: 3, width: 2, scale: 0.5 }),
  "relPosAttention row": (q, k, v, h, w) =>
    g.relPosAttention(q, k, v, h, w, { heads: 1, height: 1, width: 5, scale: 0.5 }),
};

const schedule: Cases = {
  barrier: (a, b) => g.mul(g.barrier(a, b), b),
  recompute: (x, w, bias) =>
    g.mul(
      recompute(([a]) => g.tanh(g.add(g.relu(g.matmul(a, w)), bias)), [x]),
      g.slice(x, [0, 0], [3, 4]),
    ),
};

export const spatialCases: Cases = { ...products, ...maps, ...norms, ...attentions, ...schedule };
