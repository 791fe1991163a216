/**
 * @file Feature pyramid decoder: top-down sums, then each level through 3x3 convolutions with group norm up to stride 4, merged.
 * Source: qubvel-org/segmentation_models.pytorch 0.6.0, decoders/fpn/decoder.py. Paper: https://arxiv.org/abs/1901.02446
 */
import type { Decoder, Scope } from "../src/contract.js";
import { SegError } from "../src/errors.js";
import * as g from "../src/graph/functions.js";
import type { Tensor } from "../src/graph/tensor.js";
import { conv2d, groupNorm } from "../src/nn/index.js";

interface Options {
  readonly pyramidChannels: number;
  readonly segmentationChannels: number;
  readonly dropout: number;
  readonly merge: string;
}

const INIT = { kind: "kaiming-uniform", fan: "in" } as const;
const GROUPS = 32;

export const fpn = {
  fpn: {
    about: "FPN: top-down pyramid, group norm, merged at stride 4",
    defaults: { pyramidChannels: 256, segmentationChannels: 128, dropout: 0.2, merge: "add" },
    strides: [4, 8, 16, 32],
    optionalStrides: [],
    head: { kernel: 1, upsampling: 4 },
    forward(s, features, options) {
      const [c2, c3, c4, c5] = features as Tensor[];
      const { pyramidChannels: width, segmentationChannels: out } = options;
      if (out % GROUPS)
        throw new SegError("decoder.segmentationChannels", `${out} is not a multiple of ${GROUPS}`, "use 64, 128, ...");
      const p5 = conv2d(s.at("p5"), c5, width, { kernel: 1, init: INIT });
      const p4 = addLevel(s.at("p4"), p5, c4);
      const p3 = addLevel(s.at("p3"), p4, c3);
      const p2 = addLevel(s.at("p2"), p3, c2);
      const levels = [p5, p4, p3, p2].map((level, i) => segment(s.at(`seg_blocks.${i}`), level, out, 3 - i));
      const merged = merge(levels, options.merge);
      return s.dropout(merged, options.dropout, [...merged.shape.slice(0, 2), 1, 1]); // whole channels (Dropout2d)
    },
  } satisfies Decoder<Options>,
};

/** Nearest x2 of the level above plus a 1x1 convolution of this one. */
function addLevel(s: Scope, above: Tensor, skip: Tensor): Tensor {
  const [, width] = above.shape;
  const [, , H, W] = skip.shape;
  return g.add(g.resize(above, [H, W], "nearest"), conv2d(s.at("skip_conv"), skip, width, { kernel: 1, init: INIT }));
}

/** 3x3, group norm, ReLU and bilinear x2 (align_corners), repeated until stride 4. */
function segment(s: Scope, level: Tensor, out: number, upsamplings: number): Tensor {
  let x = level;
  for (let i = 0; i < Math.max(upsamplings, 1); i++) {
    const block = s.at(`block.${i}.block`);
    x = conv2d(block.at("0"), x, out, { kernel: 3, padding: 1, bias: false, init: INIT });
    x = g.relu(groupNorm(block.at("1"), x, GROUPS));
    const [, , H, W] = x.shape;
    if (i < upsamplings) x = g.resize(x, [2 * H, 2 * W], "bilinear-corners");
  }
  return x;
}

function merge(levels: readonly Tensor[], policy: string): Tensor {
  if (policy === "cat") return g.concat(levels, 1);
  if (policy === "add") return levels.reduce((a, b) => g.add(a, b));
  throw new SegError("decoder.merge", `${policy} is no way to merge`, "use add or cat");
}
