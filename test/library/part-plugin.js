/** @file A plugin as a user would write it: an encoder, a decoder, a dataset and a loss made outside the package, which is imported by its name. */
import { datasets, decoders, encoders, g, losses, nn } from "sam-seg";

/** Three strided convolutions: strides 2, 4 and 8. */
const strided = {
  about: "three strided convolutions",
  input: { multipleOf: 8, bands: 3, mean: [127.5, 127.5, 127.5], std: [64, 64, 64] },
  features: [2, 4, 8].map((stride, i) => ({ name: `stride${stride}`, stride, channels: 8 * 2 ** i })),
  maps: [0, 1, 2],
  taps: [],
  loraTargets: [],
  defaultTune: "full",
  weights: [],
  renameKey: (key) => key,
  forward(s, image) {
    const maps = [];
    let x = image;
    for (const channels of [8, 16, 32]) {
      const layer = s.at(`conv${channels}`);
      x = g.relu(nn.batchNorm2d(layer.at("norm"), nn.conv2d(layer, x, channels, { kernel: 3, stride: 2, padding: 1 })));
      maps.push(x);
    }
    return maps;
  },
};

/** One convolution on the finest map. */
const plain = {
  about: "one convolution on the map of stride 2",
  defaults: { channels: 8 },
  strides: [2],
  optionalStrides: [],
  head: { kernel: 1, upsampling: 2 },
  forward: (s, [x], { channels }) => g.relu(nn.conv2d(s.at("conv"), x, channels, { kernel: 3, padding: 1 })),
};

/** Mean squared distance of the probabilities from the labels' one-hot vectors. */
const brier = {
  about: "Brier score over kept pixels",
  defaults: { scale: 1 },
  forward({ logits, labels }, { scale }) {
    const [, C] = logits.shape;
    const kept = g.sub(1, g.cast(g.equal(labels, 255), "float32"));
    const distance = g.sum(g.square(g.sub(g.softmax(logits, 1), g.oneHot(labels, C))), 1);
    return g.mul(g.div(g.sum(g.mul(distance, kept)), g.maximum(g.sum(kept), 1)), scale);
  },
};

/** Squares of light on dark, from nothing but a seed. */
const squares = {
  about: "light squares on dark ground, made up",
  defaults: { count: 4 },
  async open(root, { count }) {
    const sampleOf = (split, i) => {
      const [width, height] = [32, 32];
      const inside = (at) => at % width >= 4 + i && at % width < 16 + i && at / width >= 8 && at / width < 24;
      const pixels = Array.from({ length: width * height }, (_, at) => (inside(at) ? 1 : 0));
      return {
        id: `${split}/${i}`,
        file: root,
        image: async () => ({
          data: Uint8Array.from(pixels.flatMap((on) => Array(3).fill(on ? 220 : 30))),
          width,
          height,
          bands: 3,
        }),
        labels: async () => ({ data: Uint8Array.from(pixels), width, height }),
        contentHash: async () => `${split}-${i}`.padEnd(64, "0"),
      };
    };
    const samples = { train: Array.from({ length: count }, (_, i) => sampleOf("train", i)), val: [sampleOf("val", 9)] };
    return {
      name: "squares",
      classes: [
        { name: "ground", color: [0, 0, 0] },
        { name: "square", color: [255, 200, 0] },
      ],
      bands: ["red", "green", "blue"],
      photo: true,
      splits: ["train", "val"],
      samples: (split) => samples[split],
      warnings: [],
    };
  },
};

encoders.register("strided", strided);
decoders.register("plain", plain);
losses.register("brier", brier);
datasets.register("squares", squares);
