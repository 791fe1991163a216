/**
 * @file Scores of prepared windows. With a folder for features the encoder's maps of every window are kept there, named by the window's pixels and the encoder's
 * weights: other decoders over the same encoder then cost no encoder pass.
 */
import { readdir } from "node:fs/promises";
import { EXIT, SegError } from "../errors.js";
import type { TensorData } from "../graph/tensor.js";
import type { OpenModel } from "../open-model.js";
import type { Talk } from "../talk.js";
import { type EmbeddingKey, embeddingCache, inWords, roomIn, weightsDigest } from "../train/embeddings.js";
import type { Placement } from "../preprocess.js";
import type { SceneModel, WindowWeights } from "./map.js";

/** A model of windows, and how many the cache answered for. */
export interface WindowModel {
  readonly score: SceneModel;
  /** Windows whose features were there, and those that went through the encoder. */
  readonly features: { found: number; computed: number };
}

/** A model over windows of `tile` pixels a side; `folder`: where features are kept. */
export function windowModel(open: OpenModel, folder: string | undefined, warn: (line: string) => void): WindowModel {
  const features = { found: 0, computed: 0 };
  const mapsOf = folder === undefined ? async () => undefined : cachedMaps(open, folder, features, warn);
  const { predictor } = open;
  return {
    features,
    async score({ input, placement, width, height, hash }, weights) {
      if (!input || !placement) return undefined;
      const maps = await mapsOf(input, hash);
      const isWhole = placement.width === width && placement.height === height; // else logits are brought back to that size
      const isProbability = isWhole && !predictor.isSingle;
      const axes = isProbability ? weights && padded(weights, placement) : undefined;
      const found = await (isProbability
        ? predictor.probabilities(input, maps, axes)
        : maps
          ? predictor.logitsOfMaps(input, maps)
          : predictor.logits(input));
      const isWeighted = axes !== undefined;
      return { data: found.data as Float32Array, channels: found.shape[1], placement, isProbability, isWeighted };
    },
  };
}

/** Weights of a window as long as the network's input, which may be padded. */
function padded({ across, down }: WindowWeights, { paddedWidth, paddedHeight }: Placement) {
  const along = (weights: Float64Array, length: number) => {
    const out = new Float32Array(length);
    out.set(weights);
    return out;
  };
  return { across: along(across, paddedWidth), down: along(down, paddedHeight) };
}

function cachedMaps(
  open: OpenModel,
  folder: string,
  counts: WindowModel["features"],
  warn: (line: string) => void,
): (input: TensorData, hash: string | undefined) => Promise<TensorData[]> {
  const cache = embeddingCache(folder, warn);
  const keysOf = featureKeys(open);
  return async (input, hash) => {
    if (hash === undefined) throw new Error("internal: the window has no name");
    const keys = keysOf(hash);
    const known = await allOf(keys.map((key) => () => cache.read(key)));
    if (known) {
      counts.found++;
      return known.flat();
    }
    const maps = await open.predictor.mapsOf(input);
    for (const [i, key] of keys.entries()) await cache.write(key, [maps[i]]);
    counts.computed++;
    return maps;
  };
}

/** What all of them give; undefined as soon as one gives nothing. */
async function allOf<T>(reads: readonly (() => Promise<T | undefined>)[]): Promise<T[] | undefined> {
  const out: T[] = [];
  for (const read of reads) {
    const value = await read();
    if (value === undefined) return undefined;
    out.push(value);
  }
  return out;
}

/** The names a window's maps are kept under, one each: decoders over one encoder read different ones. */
function featureKeys({ card, model, state, engine, predictor }: OpenModel): (image: string) => EmbeddingKey[] {
  const encoder = new Map([...state].filter(([name]) => name.startsWith("encoder.")));
  const weights = weightsDigest(encoder);
  const { encoder: name, preprocessing } = card;
  return (image) => {
    const computed = [engine.name, engine.precision, ...(predictor.int8()?.kept ?? [])].join(" ");
    const common = { image, weights, encoder: name, preprocessing, view: 0, engine: computed };
    return model.cached.map((feature) => ({ ...common, features: [feature.name] }));
  };
}

/** Says what features will take; where the disk has no room for all of them, rejects with SegError (exit 4) unless some are there already. */
export async function checkFeatureRoom(
  folder: string,
  windows: number,
  each: number,
  { info, warn }: Pick<Talk, "info" | "warn">,
): Promise<void> {
  const room = await roomIn(folder);
  const all = windows * each;
  info(`features: at most ${windows} windows, ${inWords(each)} each, ${inWords(all)} in ${folder}`);
  if (all <= room) return;
  const reason = `has ${inWords(room)} free, the features take ${inWords(all)}`;
  if ((await readdir(folder)).length) return warn(`${folder} ${reason}, less what is there already`);
  throw new SegError(folder, reason, "choose another --cache-features, or leave it out", EXIT.guard);
}
