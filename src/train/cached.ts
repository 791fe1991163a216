/**
 * @file Training on cached embeddings of a frozen encoder: every image and view goes through the encoder once, then only the decoder runs.
 */
import { dirname, join } from "node:path";
import type { LabelMap, Raster, Sample } from "../contract.js";
import { dihedral, swapsSides } from "../data/dihedral.js";
import { EXIT, SegError } from "../errors.js";
import { decodeSample } from "../data/batch.js";
import { type Decoded, remember } from "../data/memory.js";
import type { Draw } from "../data/order.js";
import { warpImage, warpLabels } from "../data/warp.js";
import type { TensorData } from "../graph/tensor.js";
import type { Predictor } from "../predictor.js";
import { placementOf, toInput, toLabels } from "../preprocess.js";
import { generator } from "../random.js";
import type { Talk } from "../talk.js";
import { embeddingBytes, type EmbeddingKey, embeddingCache, inWords, roomIn } from "./embeddings.js";
import type { RunPlan } from "./plan.js";
import type { StepInput } from "./session.js";

export interface CachedMaps {
  /** Maps of a sample's view; computed again when the cache lost them. */
  maps(sample: Sample, view: number): Promise<TensorData[]>;
  /** Computes what is missing for the samples and views. */
  fill(samples: readonly Sample[], views: number): Promise<void>;
}

/** The cache of a run: `--cache`, or `.embeddings` beside the run folder. `weights`, `engine`: what computes the maps. */
export function cachedMaps(plan: RunPlan, encoder: Predictor, weights: string, engine: string, talk: Talk): CachedMaps {
  const folder = plan.config.cache ?? join(dirname(plan.config.out), ".embeddings");
  const cache = embeddingCache(folder, talk.warn);
  const viewed = async (sample: Sample, view: number): Promise<Viewed> => {
    const image = await sample.contentHash();
    return { sample, key: keyOf(plan, { image, weights, view, engine }) };
  };
  const compute = async ({ sample, key }: Viewed) => {
    const { image } = await decodeSample(sample, plan.preprocessing);
    const maps = await encoder.preparedMaps(viewOfImage(image, key.view));
    await cache.write(key, maps);
    return maps;
  };
  return {
    async maps(sample, view) {
      const wanted = await viewed(sample, view);
      return (await cache.read(wanted.key)) ?? compute(wanted);
    },
    async fill(samples, views) {
      const all: Viewed[] = [];
      for (const sample of samples) for (let view = 0; view < views; view++) all.push(await viewed(sample, view));
      const missing = all.filter(({ key }) => !cache.has(key));
      if (missing.length === 0) return;
      await announce(plan, missing.length, folder, talk);
      await computeAll(missing, compute, talk);
    },
  };
}

/** A view of a sample, and what its maps are kept under. */
interface Viewed {
  readonly sample: Sample;
  readonly key: EmbeddingKey;
}

/** The order of its fields is part of the name that embeddings are kept under. */
function keyOf(
  { config, preprocessing, model }: RunPlan,
  { image, weights, view, engine }: Pick<EmbeddingKey, "image" | "weights" | "view" | "engine">,
): EmbeddingKey {
  const features = model.cached.map((feature) => feature.name);
  return { image, weights, encoder: config.encoder, preprocessing, view, features, engine };
}

async function computeAll(
  missing: readonly Viewed[],
  compute: (wanted: Viewed) => Promise<unknown>,
  talk: Talk,
): Promise<void> {
  const bar = talk.progress("embeddings", missing.length);
  try {
    for (const wanted of missing) {
      await compute(wanted);
      bar.add(1);
      await talk.breathe();
    }
  } finally {
    bar.end();
  }
}

/** Says what will be written before the first image; rejects with SegError (exit 4) where the disk has no room for it. */
async function announce(plan: RunPlan, count: number, folder: string, talk: Talk): Promise<void> {
  const each = embeddingBytes(plan.model, plan.preprocessing.size ?? 0);
  talk.info(`embeddings: ${count} to compute, ${inWords(each)} each, ${inWords(count * each)} in ${folder}`);
  const room = await roomIn(folder);
  if (count * each <= room) return;
  const reason = `has ${inWords(room)} free, the embeddings take ${inWords(count * each)}`;
  throw new SegError(folder, reason, "choose another --cache, fewer --views, or --pyramid simple", EXIT.guard);
}

/** A dihedral view of an image. */
function viewOfImage(image: Raster, view: number): Raster {
  const at = mapOf(view, image);
  const fill = Array<number>(image.bands).fill(0); // a dihedral map never leaves the image
  return at ? warpImage(image, at.map, at.width, at.height, fill) : image;
}

function viewOfLabels(labels: LabelMap, view: number): LabelMap {
  const at = mapOf(view, labels);
  return at ? warpLabels(labels, at.map, at.width, at.height) : labels;
}

/** Undefined for the view as it is. */
function mapOf(view: number, { width, height }: LabelMap | Raster) {
  if (view === 0) return undefined;
  const [viewWidth, viewHeight] = swapsSides(view) ? [height, width] : [width, height];
  return { map: dihedral(view, width, height), width: viewWidth, height: viewHeight };
}

/** Batches of cached maps: the view is drawn like an augmentation. */
export function cachedBatcher(
  plan: RunPlan,
  cache: CachedMaps,
): (draws: readonly Draw[]) => Promise<StepInput & { ids: string[] }> {
  const { train, model, preprocessing } = plan;
  const side = preprocessing.size as number;
  const decode = remember((index) => decodeFor(plan, index));
  return async (draws) => {
    const parts: Part[] = [];
    for (const draw of draws) parts.push(await partOf(plan, cache, await decode(draw.index), draw));
    return {
      ids: draws.map(({ index }) => train[index].id),
      maps: model.cached.map((_, i) => stackData(parts.map(({ maps }) => maps[i]))),
      labels: { data: concatLabels(parts.map(({ labels }) => labels)), shape: [parts.length, side, side] },
      ...(model.readsImage ? { image: stackData(parts.flatMap(({ image }) => image ?? [])) } : {}),
    };
  };
}

/** Labels of a sample, and the image for a model that reads it beside the maps. */
async function decodeFor({ train, model, preprocessing }: RunPlan, index: number): Promise<Kept> {
  const { image, labels } = await decodeSample(train[index], preprocessing);
  return model.readsImage ? { image, labels } : { labels };
}

type Kept = Pick<Decoded, "labels"> & Partial<Decoded>;

/** One draw's share of a batch. */
interface Part {
  readonly maps: readonly TensorData[];
  readonly labels: Int32Array;
  readonly image: TensorData | undefined;
}

async function partOf(plan: RunPlan, cache: CachedMaps, kept: Kept, { index, epoch }: Draw): Promise<Part> {
  const { config, train, preprocessing } = plan;
  const view = generator(config.seed, `view/${epoch}/${index}`).integer(config.views);
  const labels = viewOfLabels(kept.labels, view);
  return {
    maps: await cache.maps(train[index], view),
    labels: toLabels(labels, placementOf(labels.width, labels.height, preprocessing)),
    image: kept.image && toInput(viewOfImage(kept.image, view), preprocessing).input,
  };
}

/** [1, ...] of each part to [B, ...]. */
function stackData(parts: readonly TensorData[]): TensorData {
  if (parts.length === 1) return parts[0];
  const data = new Float32Array(parts.length * parts[0].data.length);
  for (const [i, part] of parts.entries()) data.set(part.data, i * part.data.length);
  return { data, shape: [parts.length, ...parts[0].shape.slice(1)] };
}

function concatLabels(parts: readonly Int32Array[]): Int32Array {
  const data = new Int32Array(parts.length * parts[0].length);
  for (const [i, part] of parts.entries()) data.set(part, i * part.length);
  return data;
}
