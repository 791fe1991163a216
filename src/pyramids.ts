/**
 * @file What puts a plain ViT, whose maps all have stride 16, before a decoder that wants several strides.
 * `simple`: ViTDet's SimpleFeaturePyramid (https://arxiv.org/abs/2203.16527; detectron2, modeling/backbone/vit.py) from the last map;
 * `taps`: intermediate maps, one neck each, scaled (as segmentation_models.pytorch's ViT branch); `stem`: a small convolutional stem
 * on the image gives strides 2 to 8 beside the map at 16.
 */
import type { Scope } from "./contract.js";
import * as g from "./graph/functions.js";
import type { Tensor } from "./graph/tensor.js";
import { batchNorm2d, conv2d, convTranspose2d, layerNorm2d } from "./nn/index.js";

export type PyramidName = "simple" | "taps" | "stem";

export interface PyramidInput {
  /** The encoder's map, stride 16. */
  readonly map: Tensor;
  /** Intermediate maps in order of depth, stride 16; empty unless asked for. */
  readonly taps: readonly Tensor[];
  /** The network's input image. */
  readonly image: Tensor;
}

export interface Pyramid {
  readonly about: string;
  /** Strides it offers. */
  readonly strides: readonly number[];
  readonly readsTaps: boolean;
  readonly readsImage: boolean;
  /** The maps of the strides wanted, in their order. */
  levels(s: Scope, input: PyramidInput, strides: readonly number[]): Tensor[];
}

const WIDTH = 256;

export const pyramids: Record<PyramidName, Pyramid> = {
  simple: {
    about: "strides 4 to 32 from the last map by transposed convolutions and pooling",
    strides: [4, 8, 16, 32],
    readsTaps: false,
    readsImage: false,
    levels: (s, { map }, strides) => strides.map((stride) => simpleLevel(s.at(`stride${stride}`), map, stride)),
  },
  taps: {
    about: "the maps after the global-attention blocks, one neck each, scaled to strides 4 to 32",
    strides: [4, 8, 16, 32],
    readsTaps: true,
    readsImage: false,
    levels: (s, { taps }, strides) =>
      strides.map((stride) => {
        const at = Math.round(((Math.log2(stride) - 2) * (taps.length - 1)) / 3); // shallow taps feed the fine levels
        const level = s.at(`stride${stride}`);
        return simpleLevel(level, neck(level.at("tap"), taps[at]), stride);
      }),
  },
  stem: {
    about: "a trainable convolutional stem on the image gives strides 2 to 8, the map gives 16 and 32",
    strides: [2, 4, 8, 16, 32],
    readsTaps: false,
    readsImage: true,
    levels(s, { map, image }, strides) {
      const fine = stem(s, image, Math.max(...strides.filter((stride) => stride < 16)));
      return strides.map((stride) => fine.get(stride) ?? simpleLevel(s.at(`stride${stride}`), map, stride));
    },
  },
};

/** 1x1 and 3x3 convolutions with layer norm to the pyramid's width. */
function neck(s: Scope, x: Tensor): Tensor {
  const narrow = layerNorm2d(s.at("norm1"), conv2d(s.at("conv1"), x, WIDTH, { kernel: 1, bias: false }));
  return layerNorm2d(s.at("norm2"), conv2d(s.at("conv2"), narrow, WIDTH, { kernel: 3, padding: 1, bias: false }));
}

/** Scale first, then the neck: two 2x2 transposed convolutions for stride 4, one for 8, max-pool for 32. */
function simpleLevel(s: Scope, map: Tensor, stride: number): Tensor {
  return neck(s, scale(s, map, stride));
}

function scale(s: Scope, map: Tensor, stride: number): Tensor {
  const channels = map.shape[1];
  if (stride === 32) return g.maxPool2d(map, { kernel: 2 });
  if (stride === 16) return map;
  const half = convTranspose2d(s.at("up1"), map, channels / 2, 2);
  if (stride === 8) return half;
  const unit = g.gelu(layerNorm2d(s.at("up_norm"), half));
  return convTranspose2d(s.at("up2"), unit, channels / 4, 2);
}

const STEM_WIDTH: Record<number, number> = { 2: 32, 4: 64, 8: 128 };

/** Strided 3x3 convolutions down to the coarsest stride wanted; the map of every stride on the way. */
function stem(s: Scope, image: Tensor, coarsest: number): Map<number, Tensor> {
  const maps = new Map<number, Tensor>();
  let x = image;
  for (let at = 2; at <= coarsest; at *= 2) {
    const layer = s.at(`stem${at}`);
    const options = {
      kernel: 3,
      stride: 2,
      padding: 1,
      bias: false,
      init: { kind: "kaiming-uniform", fan: "in" },
    } as const;
    x = g.relu(batchNorm2d(layer.at("1"), conv2d(layer.at("0"), x, STEM_WIDTH[at], options)));
    maps.set(at, x);
  }
  return maps;
}
