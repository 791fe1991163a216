/**
 * @file SAM's image encoder: a plain ViT with windowed attention, input fixed at 1024 x 1024.
 * Source: facebookresearch/segment-anything, segment_anything/modeling/image_encoder.py
 * Papers: https://arxiv.org/abs/2304.02643 (SAM), https://arxiv.org/abs/2203.16527 (ViTDet)
 * Parameter names are the checkpoint's, so weights load without a table of renames.
 */
import type { Encoder, Feature, PublishedWeights, Scope } from "../src/contract.js";
import * as g from "../src/graph/functions.js";
import type { Tensor } from "../src/graph/tensor.js";
import { conv2d, layerNorm, layerNorm2d, mlp, windowAttention } from "../src/nn/index.js";

const PATCH = 16;
const WINDOW = 14;
const NECK = 256;
const EPSILON = 1e-6;

/** Meta's own file in a copy on the hub; size and SHA-256 as several public download scripts that verify them state. */
const meta = (file: string, sha256: string, bytes: number): PublishedWeights => ({
  name: "sa1b",
  repository: "ybelkada/segment-anything",
  file: `checkpoints/${file}`,
  sha256,
  bytes,
  licence: "Apache-2.0",
  source: "https://github.com/facebookresearch/segment-anything",
});

export const samVit: Record<string, Encoder> = {
  "sam-vit-b": samEncoder({ dim: 768, depth: 12, heads: 12, globalAt: [2, 5, 8, 11] }, [
    meta("sam_vit_b_01ec64.pth", "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912", 375_042_383),
  ]),
  "sam-vit-l": samEncoder({ dim: 1024, depth: 24, heads: 16, globalAt: [5, 11, 17, 23] }, [
    meta("sam_vit_l_0b3195.pth", "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622", 1_249_524_607),
  ]),
  "sam-vit-h": samEncoder({ dim: 1280, depth: 32, heads: 16, globalAt: [7, 15, 23, 31] }, [
    meta("sam_vit_h_4b8939.pth", "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e", 2_564_550_879),
  ]),
  "sam-vit-test": samEncoder({ dim: 32, depth: 4, heads: 2, globalAt: [1, 3], size: 256 }), // 16 x 16 tokens: windows pad
};

interface Variant {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Blocks that attend over the whole image; the others in windows. */
  readonly globalAt: readonly number[];
  readonly size?: number;
}

function samEncoder(variant: Variant, weights: readonly PublishedWeights[] = []): Encoder {
  const { dim, depth, heads, globalAt, size = 1024 } = variant;
  const grid = size / PATCH;
  const taps: Feature[] = globalAt.map((block) => ({ name: `block${block}`, stride: PATCH, channels: dim }));
  return {
    about: `SAM ViT, ${dim} wide, ${depth} deep, input ${size} x ${size}`,
    input: { size, multipleOf: size, bands: 3, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
    features: [...taps, { name: "neck", stride: PATCH, channels: NECK }],
    maps: [taps.length],
    taps: taps.map((_, i) => i),
    loraTargets: ["attn.qkv"],
    defaultTune: "frozen",
    weights,
    renameKey,
    forward(s, image) {
      let x = conv2d(s.at("patch_embed.proj"), image, dim, { kernel: PATCH, stride: PATCH });
      x = g.transpose(x, [0, 2, 3, 1]); // [B, 64, 64, dim] at size 1024
      x = g.add(x, s.param("pos_embed", [1, grid, grid, dim], { kind: "truncated-normal", std: 0.02 }));
      x = g.reshape(x, [-1, grid * grid, dim]); // tokens
      const asMap = (tokens: Tensor) => g.transpose(g.reshape(tokens, [-1, grid, grid, dim]), [0, 3, 1, 2]); // [B, dim, 64, 64]
      const maps: Tensor[] = [];
      for (let i = 0; i < depth; i++) {
        const whole = globalAt.includes(i);
        x = s.block((tokens) => block(s.at(`blocks.${i}`), tokens, { heads, window: whole ? 0 : WINDOW, grid }), x);
        if (whole) maps.push(asMap(x));
      }
      return [...maps, neck(s.at("neck"), asMap(x))];
    },
  };
}

/** Pre-norm transformer block; window 0 attends over the whole image. x: [B, grid * grid, dim]. */
function block(s: Scope, x: Tensor, { heads, window, grid }: { heads: number; window: number; grid: number }): Tensor {
  const dim = x.shape[2];
  const image = g.reshape(layerNorm(s.at("norm1"), x, EPSILON), [-1, grid, grid, dim]);
  const attended = windowAttention(s.at("attn"), image, { heads, window, table: grid });
  const y = g.add(x, g.reshape(attended, x.shape));
  return g.add(y, mlp(s.at("mlp"), layerNorm(s.at("norm2"), y, EPSILON), 4 * dim));
}

/** [B, dim, H, W] -> [B, 256, H, W]; the indices are torch.nn.Sequential's. */
function neck(s: Scope, x: Tensor): Tensor {
  const narrow = layerNorm2d(s.at("1"), conv2d(s.at("0"), x, NECK, { kernel: 1, bias: false }));
  return layerNorm2d(s.at("3"), conv2d(s.at("2"), narrow, NECK, { kernel: 3, padding: 1, bias: false }));
}

/** Hugging Face's names, as [pattern, ours]. */
const HUGGING_FACE: readonly (readonly [RegExp, string])[] = [
  [/^patch_embed\.projection\./, "patch_embed.proj."],
  [/^layers\.(\d+)\.layer_norm([12])\./, "blocks.$1.norm$2."],
  [/^layers\.(\d+)\./, "blocks.$1."],
  [/^neck\.conv1\./, "neck.0."],
  [/^neck\.layer_norm1\./, "neck.1."],
  [/^neck\.conv2\./, "neck.2."],
  [/^neck\.layer_norm2\./, "neck.3."],
];

/** Meta (`image_encoder.`), Hugging Face (`vision_encoder.`) and timm (no prefix, `mlp.fc`) to ours; other parts of SAM are dropped. */
function renameKey(key: string): string | undefined {
  const own = key.replace(/^(module\.|model\.)*(image_encoder\.|vision_encoder\.|encoder\.)?/, "");
  if (/^(prompt_encoder|mask_decoder|shared_image_embedding|pixel_(mean|std)|head)(\.|$)/.test(own)) return undefined;
  const named = HUGGING_FACE.reduce((name, [pattern, ours]) => name.replace(pattern, ours), own);
  return named.replace(/\.mlp\.fc([12])\./, ".mlp.lin$1.");
}
