/**
 * @file ResNet encoders with feature maps at strides 2 (before the max-pool) to 32, as segmentation_models.pytorch uses them.
 * Source: pytorch/vision, torchvision/models/resnet.py; qubvel-org/segmentation_models.pytorch, encoders/resnet.py
 * Paper: https://arxiv.org/abs/1512.03385. Parameter names are torchvision's.
 */
import type { Encoder, PublishedWeights, Scope } from "../src/contract.js";
import * as g from "../src/graph/functions.js";
import type { Shape, Tensor, TensorData } from "../src/graph/tensor.js";
import { batchNorm2d, conv2d } from "../src/nn/index.js";

/** torchvision's IMAGENET1K_V1 weights as timm keeps them; hash and size as public download scripts that verify them state (revision in 2026). */
const hub = (variant: string, sha256: string, bytes: number): PublishedWeights => ({
  name: "imagenet",
  repository: `timm/${variant}.tv_in1k`,
  file: "model.safetensors",
  sha256,
  bytes,
  licence: "BSD-3-Clause",
  source: `https://github.com/pytorch/vision (${variant}, ImageNet-1k)`,
});

const SHA256 = {
  resnet18: "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
  resnet34: "0bb82595a564991a9d424708b33f5d843f5aaed7f6c0886ff10849ff97022235",
  resnet50: "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
};

export const resnet: Record<string, Encoder> = {
  resnet18: resnetEncoder({ layers: [2, 2, 2, 2] }, [hub("resnet18", SHA256.resnet18, 46_807_446)]),
  resnet34: resnetEncoder({ layers: [3, 4, 6, 3] }, [hub("resnet34", SHA256.resnet34, 87_278_522)]),
  resnet50: resnetEncoder({ layers: [3, 4, 6, 3], expansion: 4 }, [hub("resnet50", SHA256.resnet50, 102_469_840)]),
  "resnet-test": resnetEncoder({ layers: [1, 1, 1, 1], width: 8 }),
};

interface Variant {
  /** Blocks a stage. */
  readonly layers: readonly number[];
  /** 4: bottleneck blocks, 1: basic ones. */
  readonly expansion?: number;
  readonly width?: number;
}

/** Convolutions of torchvision's ResNet start from kaiming_normal over the fan out. */
const INIT = { kind: "kaiming-normal", fan: "out" } as const;

function resnetEncoder(
  { layers, expansion = 1, width = 64 }: Variant,
  weights: readonly PublishedWeights[] = [],
): Encoder {
  const channels = layers.map((_, i) => width * 2 ** i * expansion);
  return {
    about: `ResNet, ${layers.join("-")} ${expansion > 1 ? "bottleneck" : "basic"} blocks, ${width} wide`,
    input: { multipleOf: 32, bands: 3, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
    features: [width, ...channels].map((count, i) => ({
      name: `stride${2 ** (i + 1)}`,
      stride: 2 ** (i + 1),
      channels: count,
    })),
    maps: [0, 1, 2, 3, 4],
    taps: [],
    loraTargets: [],
    defaultTune: "full",
    weights,
    renameKey,
    adapt: adaptFirstLayer,
    forward(s, image) {
      const stem = conv2d(s.at("conv1"), image, width, { kernel: 7, stride: 2, padding: 3, bias: false, init: INIT });
      let x: Tensor = g.relu(batchNorm2d(s.at("bn1"), stem)); // [B, width, H/2, W/2]
      const maps = [x];
      x = g.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
      for (const [i, count] of layers.entries()) {
        for (let j = 0; j < count; j++) {
          const stride = i > 0 && j === 0 ? 2 : 1;
          x = block(s.at(`layer${i + 1}.${j}`), x, width * 2 ** i, expansion, stride);
        }
        maps.push(x);
      }
      return maps;
    },
  };
}

/** Basic (two 3x3) or bottleneck (1x1, 3x3, 1x1) residual block; the stride sits in the (first) 3x3, as in torchvision. */
function block(s: Scope, x: Tensor, width: number, expansion: number, stride: number): Tensor {
  const convNorm = (i: number, input: Tensor, out: number, kernel: number, step: number) => {
    const options = { kernel, stride: step, padding: (kernel - 1) / 2, bias: false, init: INIT };
    return batchNorm2d(s.at(`bn${i}`), conv2d(s.at(`conv${i}`), input, out, options));
  };
  const out = width * expansion;
  const y =
    expansion === 1
      ? convNorm(2, g.relu(convNorm(1, x, out, 3, stride)), out, 3, 1)
      : convNorm(3, g.relu(convNorm(2, g.relu(convNorm(1, x, width, 1, 1)), width, 3, stride)), out, 1, 1);
  return g.relu(g.add(y, shortcut(s.at("downsample"), x, out, stride)));
}

function shortcut(s: Scope, x: Tensor, out: number, stride: number): Tensor {
  if (stride === 1 && x.shape[1] === out) return x;
  return batchNorm2d(s.at("1"), conv2d(s.at("0"), x, out, { kernel: 1, stride, bias: false, init: INIT }));
}

function renameKey(key: string): string | undefined {
  const own = key.replace(/^(module\.|model\.)*(encoder\.)?/, "");
  return /^fc\.|num_batches_tracked$/.test(own) ? undefined : own;
}

/** The first convolution for another number of bands, by SMP's rule: 1 band sums the colours, n bands cycle them scaled by 3/n. */
function adaptFirstLayer(name: string, value: TensorData, wanted: Shape): TensorData {
  if (name !== "conv1.weight" || value.shape[1] === wanted[1]) return value;
  const [out, from, kh, kw] = value.shape;
  const bands = wanted[1];
  const area = kh * kw;
  const data = new Float32Array(out * bands * area);
  for (let o = 0; o < out; o++) {
    for (let b = 0; b < Math.max(bands, bands === 1 ? from : 0); b++) {
      const source = (o * from + (b % from)) * area;
      const target = (o * bands + (bands === 1 ? 0 : b)) * area;
      const scale = bands === 1 ? 1 : from / bands;
      for (let i = 0; i < area; i++) data[target + i] += value.data[source + i] * scale;
    }
  }
  return { data, shape: wanted };
}
