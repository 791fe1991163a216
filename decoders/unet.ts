/**
 * @file UNet decoder: upsample to the skip's size, concatenate, two 3x3 convolutions; five blocks by default.
 * Source: qubvel-org/segmentation_models.pytorch 0.6.0, decoders/unet/decoder.py. Paper: https://arxiv.org/abs/1505.04597
 */
import type { Decoder, Scope } from "../src/contract.js";
import * as g from "../src/graph/functions.js";
import type { Tensor } from "../src/graph/tensor.js";
import { batchNorm2d, conv2d } from "../src/nn/index.js";

interface Options {
  readonly channels: readonly number[];
}

const INIT = { kind: "kaiming-uniform", fan: "in" } as const;

export const unet = {
  unet: {
    about: "UNet: nearest upsampling, skips, two 3x3 convolutions a level",
    defaults: { channels: [256, 128, 64, 32, 16] },
    strides: [2, 4, 8, 16, 32],
    optionalStrides: [2], // a plain ViT's pyramid starts at 4: that block then has no skip, as SMP's last one
    head: { kernel: 3, upsampling: 1 },
    forward(s, features, { channels }) {
      const [deepest, ...skips] = [...features].reverse();
      let x = deepest as Tensor; // [B, C, H/32, W/32]
      for (const [i, out] of channels.entries()) x = block(s.at(`blocks.${i}`), x, skips[i], out);
      return x; // [B, channels.at(-1), H, W]
    },
  } satisfies Decoder<Options>,
};

function block(s: Scope, x: Tensor, skip: Tensor | undefined, out: number): Tensor {
  const first = skip ? mergeConvolve(s.at("conv1"), x, skip, out) : upsampleConvolve(s.at("conv1"), x, out);
  return convolve(s.at("conv2"), normalise(s.at("conv1"), first), out);
}

/** The convolution over upsampled map and skip side by side, as the sum of one over each: the first then runs at low resolution. */
function mergeConvolve(s: Scope, x: Tensor, skip: Tensor, out: number): Tensor {
  const channels = x.shape[1];
  const weight = s.at("0").param("weight", [out, channels + skip.shape[1], 3, 3], INIT);
  const isDouble = skip.shape[2] === 2 * x.shape[2] && skip.shape[3] === 2 * x.shape[3];
  if (!isDouble) return g.conv2d(g.concat([upsampleTo(x, skip), skip], 1), weight, { padding: 1 });
  const ofMap = g.upsampleConv2d(x, g.sliceAxis(weight, 1, 0, channels));
  return g.add(ofMap, g.conv2d(skip, g.sliceAxis(weight, 1, channels, weight.shape[1]), { padding: 1 }));
}

const upsampleTo = (x: Tensor, { shape: [, , H, W] }: Tensor) => g.resize(x, [H, W], "nearest");

/** SMP's Conv2dReLU: 3x3 without bias, batch norm, ReLU. */
function convolve(s: Scope, x: Tensor, out: number): Tensor {
  return normalise(s, conv2d(s.at("0"), x, out, { kernel: 3, padding: 1, bias: false, init: INIT }));
}

const normalise = (s: Scope, x: Tensor) => g.relu(batchNorm2d(s.at("1"), x));

/** Upsampling by 2 and the 3x3 convolution behind it as one op. */
const upsampleConvolve = (s: Scope, x: Tensor, out: number) =>
  g.upsampleConv2d(x, s.at("0").param("weight", [out, x.shape[1], 3, 3], INIT));
