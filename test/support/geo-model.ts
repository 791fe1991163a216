/**
 * @file Models that need no training: random weights by seed, for tests of prediction. `near-test` with the decoder `point-test` sees two pixels
 * to each side and no further, so a scene mapped in windows can be compared with the scene mapped whole.
 */
import { decoders, encoders } from "../../src/catalog.js";
import type { ClassInfo, Decoder, Encoder } from "../../src/contract.js";
import * as g from "../../src/graph/functions.js";
import type { Tensor } from "../../src/graph/tensor.js";
import { defineModel } from "../../src/model.js";
import { conv2d } from "../../src/nn/index.js";
import { assembleModel, type OpenModel, specOf } from "../../src/open-model.js";
import type { ModelCard } from "../../src/run/card.js";
import { CARD_KEY } from "../../src/run/model-file.js";
import { initialise } from "../../src/scope.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";

/** Pixels `near-test` sees to each side. */
export const REACH = 2;

const near: Encoder = {
  about: "two 3x3 convolutions",
  input: { multipleOf: 1, bands: 3, mean: [127.5, 127.5, 127.5], std: [64, 64, 64] },
  features: [{ name: "only", stride: 1, channels: 6 }],
  maps: [0],
  taps: [],
  loraTargets: [],
  defaultTune: "full",
  weights: [],
  forward(s, x) {
    const inner = g.relu(conv2d(s.at("first"), x, 6, { kernel: 3, padding: 1 }));
    return [conv2d(s.at("second"), inner, 6, { kernel: 3, padding: 1 })];
  },
  renameKey: (key) => key,
};

const point: Decoder = {
  about: "the encoder's map as it is",
  defaults: {},
  strides: [1],
  optionalStrides: [],
  head: { kernel: 1, upsampling: 1 },
  forward: (_s, [map]) => map!,
};

/** `near-test` on the means of blocks of 8 x 8 pixels: what a pixel gets depends on where the blocks begin. */
const coarse: Encoder = {
  ...near,
  about: "two 3x3 convolutions of means of 8 x 8 pixels",
  input: { ...near.input, multipleOf: 8 },
  forward(s, x) {
    const [, , height, width] = x.shape;
    const maps = near.forward(s, g.avgPool2d(x, { kernel: 8, stride: 8 })) as readonly Tensor[];
    return maps.map((map) => g.resize(map, [height, width], "nearest"));
  },
};

if (!encoders.has("near-test")) {
  encoders.register("near-test", near);
  encoders.register("coarse-test", coarse);
  decoders.register("point-test", point);
}

const COLORS = [
  [10, 20, 30],
  [200, 0, 0],
  [0, 200, 0],
  [0, 0, 200],
] as const;

/** Four classes; the first has a name that XML and ASCII do not take as it is. */
export const CLASSES: readonly ClassInfo[] = ["Wälder & <Wiesen>", "water", "road", "roof"].map((name, i) => ({
  name,
  color: COLORS[i],
}));

export interface TinyModel {
  readonly encoder?: string;
  readonly decoder?: string;
  /** 0-based bands of the source. */
  readonly bands?: readonly number[];
  readonly stretch?: { readonly low: number[]; readonly high: number[] };
  readonly seed?: number;
  /** As `seg predict` opens models. */
  readonly once?: boolean;
}

function partsOf(options: TinyModel) {
  const encoder = options.encoder ?? "near-test";
  const { input } = encoders.get(encoder);
  const bands = options.bands ?? [0, 1, 2];
  const { stretch } = options;
  const card: ModelCard = {
    format: 1,
    encoder,
    decoder: options.decoder ?? "point-test",
    pyramid: "simple",
    decoderOptions: {},
    adaptBands: false,
    classes: CLASSES.map(({ name, color }) => ({ name, color: [...color] as [number, number, number] })),
    head: "softmax",
    preprocessing: {
      bands: [...bands],
      bandNames: bands.map((band) => `band ${band + 1}`),
      ...(stretch && { stretch }),
      mean: bands.map(() => 127.5),
      std: bands.map(() => 64),
      ...(input.size !== undefined && { size: input.size }),
      multipleOf: input.multipleOf,
    },
    tune: "full",
    step: 1,
    software: "test",
  };
  return { card, state: initialise(defineModel(specOf(card)).slots(), options.seed ?? 5) };
}

/** A model in memory. */
export function tinyModel(options: TinyModel = {}): Promise<OpenModel> {
  return assembleModel(
    { path: "tiny", ...partsOf(options), digest: async () => JSON.stringify(options) },
    { threads: 1, once: options.once },
  );
}

/** Runs `use` with a model in memory. */
export async function withModel<T>(use: (model: OpenModel) => Promise<T>, options: TinyModel = {}): Promise<T> {
  const model = await tinyModel(options);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

/** A model file any process of ours can open: resnet-test with a UNet. */
export async function saveTinyModel(path: string, options: TinyModel = {}): Promise<string> {
  const { card, state } = partsOf({ encoder: "resnet-test", decoder: "unet", ...options });
  await writeSafetensors(path, state, { [CARD_KEY]: JSON.stringify(card) });
  return path;
}
