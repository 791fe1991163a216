/**
 * @file Training on cached embeddings of a frozen encoder: every image and view goes through the encoder once, then only the decoder runs.
 */
import { mkdir, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Sample } from "../contract.js";
import { dihedral, swapsSides } from "../data/dihedral.js";
import { EXIT, SegError } from "../errors.js";
import { decodeSample } from "../data/batch.js";
import type { Decoded } from "../data/memory.js";
import type { Draw } from "../data/order.js";
import { warpImage, warpLabels } from "../data/warp.js";
import type { TensorData } from "../graph/tensor.js";
import type { Predictor } from "../predictor.js";
import { toInput, toLabels } from "../preprocess.js";
import { generator } from "../random.js";
import type { Talk } from "../talk.js";
import { type EmbeddingKey, embeddingCache, weightsDigest } from "./embeddings.js";
import type { RunPlan } from "./plan.js";
import type { StepInput } from "./session.js";

export interface CachedMaps {
  /** Maps of a sample's view; computed again when the cache lost them. */
  maps(sample: Sample, view: number): Promise<TensorData[]>;
  /** Computes what is missing for the samples and views. */
  fill(samples: readonly Sample[], views: number): Promise<void>;
}

/** The cache of a run: `--cache`, or `.embeddings` beside the run folder. */
export function cachedMaps(
  plan: RunPlan,
  encoder: Predictor,
  frozen: ReadonlyMap<string, TensorData>,
  engine: string,
  talk: Talk,
): CachedMaps {
  const folder = plan.config.cache ?? join(dirname(plan.config.out), ".embeddings");
  const cache = embeddingCache(folder, talk.warn);
  const weights = weightsDigest(frozen);
  const keyOf = async (sample: Sample, view: number): Promise<EmbeddingKey> => ({
    image: await sample.contentHash(),
    weights,
    encoder: plan.config.encoder,
    preprocessing: plan.preprocessing,
    view,
    features: plan.model.cached.map((feature) => feature.name),
    engine,
  });
  const compute = async (sample: Sample, key: EmbeddingKey) => {
    const { image } = viewOf(await decodeSample(sample, plan.preprocessing), key.view);
    const maps = await encoder.preparedMaps(image);
    await cache.write(key, maps);
    return maps;
  };
  return {
    async maps(sample, view) {
      const key = await keyOf(sample, view);
      return (await cache.read(key)) ?? compute(sample, key);
    },
    async fill(samples, views) {
      const missing: { sample: Sample; key: EmbeddingKey }[] = [];
      for (const sample of samples) {
        for (let view = 0; view < views; view++) {
          const key = await keyOf(sample, view);
          if (!cache.has(key)) missing.push({ sample, key });
        }
      }
      if (missing.length === 0) return;
      await announce(plan, missing.length, folder, talk);
      const bar = talk.progress("embeddings", missing.length);
      try {
        for (const { sample, key } of missing) {
          await compute(sample, key);
          bar.add(1);
          await talk.breathe();
        }
      } finally {
        bar.end();
      }
    },
  };
}

/** Says what will be written before the first image; rejects with SegError (exit 4) where the disk has no room for it. */
async function announce(plan: RunPlan, count: number, folder: string, talk: Talk): Promise<void> {
  const each = embeddingBytes(plan);
  talk.info(`embeddings: ${count} to compute, ${inWords(each)} each, ${inWords(count * each)} in ${folder}`);
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (count * each <= bavail * bsize) return;
  const reason = `has ${inWords(bavail * bsize)} free, the embeddings take ${inWords(count * each)}`;
  throw new SegError(folder, reason, "choose another --cache, fewer --views, or --pyramid simple", EXIT.guard);
}

const inWords = (bytes: number) =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`;

/** A dihedral view of a decoded sample. */
function viewOf({ image, labels }: Decoded, view: number): Decoded {
  if (view === 0) return { image, labels };
  const map = dihedral(view, image.width, image.height);
  const [width, height] = swapsSides(view) ? [image.height, image.width] : [image.width, image.height];
  const fill = Array<number>(image.bands).fill(0); // a dihedral map never leaves the image
  return { image: warpImage(image, map, width, height, fill), labels: warpLabels(labels, map, width, height) };
}

/** Batches of cached maps: the view is drawn like an augmentation. */
export function cachedBatcher(
  plan: RunPlan,
  cache: CachedMaps,
): (draws: readonly Draw[]) => Promise<StepInput & { ids: string[] }> {
  const { config, train, model, preprocessing } = plan;
  return async (draws) => {
    const parts: { maps: TensorData[]; labels: Int32Array; image: TensorData }[] = [];
    for (const { index, epoch } of draws) {
      const view = generator(config.seed, `view/${epoch}/${index}`).integer(config.views);
      const sample = viewOf(await decodeSample(train[index], preprocessing), view);
      const { input, placement } = toInput(sample.image, preprocessing);
      parts.push({
        maps: await cache.maps(train[index], view),
        labels: toLabels(sample.labels, placement),
        image: input,
      });
    }
    const [, , H, W] = parts[0].image.shape;
    return {
      ids: draws.map(({ index }) => train[index].id),
      maps: model.cached.map((_, i) => stackData(parts.map(({ maps }) => maps[i]))),
      labels: { data: concatLabels(parts.map(({ labels }) => labels)), shape: [parts.length, H, W] },
      ...(model.readsImage ? { image: stackData(parts.map(({ image }) => image)) } : {}),
    };
  };
}

/** [1, ...] of each part to [B, ...]. */
function stackData(parts: readonly TensorData[]): TensorData {
  const data = new Float32Array(parts.length * parts[0].data.length);
  for (const [i, part] of parts.entries()) data.set(part.data, i * part.data.length);
  return { data, shape: [parts.length, ...parts[0].shape.slice(1)] };
}

function concatLabels(parts: readonly Int32Array[]): Int32Array {
  const data = new Int32Array(parts.length * parts[0].length);
  for (const [i, part] of parts.entries()) data.set(part, i * part.length);
  return data;
}

/** Bytes an embedding of one image takes on disk. */
function embeddingBytes(plan: RunPlan): number {
  const side = plan.preprocessing.size ?? 0;
  return plan.model.cachedShapes(side, side).reduce((sum, shape) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
}
