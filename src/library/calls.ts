/**
 * @file The long functions of the library: `train`, `evaluate`, `predict`, `embed`, `vectorize`, `runExperiment`, `pullWeights`. Each does what the command
 * of that name does, tells `onEvent` what happens and stops at `signal`.
 */
import type { TrainOptions } from "../config.js";
import { createEmbedder, type EmbedOptions } from "../embed.js";
import { createEngine, type Engine, type EngineOptions } from "../engine/index.js";
import { type Evaluation, type EvaluateOptions, evaluate as evaluateOpen } from "../evaluate.js";
import type { TensorData } from "../graph/tensor.js";
import { int8Line } from "../int8.js";
import type { OpenModel } from "../open-model.js";
import { type Prediction, predict as predictFiles, type PredictOptions } from "../predict.js";
import type { RunSummary } from "../run/summary.js";
import { type LongCall, stoppedBy, talkTo } from "../talk.js";
import { train as trainRun } from "../train/index.js";
import { type Vectorized, type VectorizeOptions, vectorize as vectorizeMap } from "../vector/index.js";
import { pullWeights as pull } from "../weights/store.js";

/** Options of a run that starts from a model: its parts are the model's. */
export type FineTuneOptions = Omit<
  TrainOptions,
  "encoder" | "encoderWeights" | "decoder" | "decoderOptions" | "pyramid" | "bands" | "adaptBands" | "allowPartial"
>;

/**
 * Trains and writes a run folder, which `loadModel` opens. With a model first, training starts from its weights and leaves it as it is; without, from
 * the encoder's published weights or `encoderWeights`. Rejects with SegError for what the caller can mend, with Stopped after `signal`; an
 * interrupted run goes on with `resume: true`.
 */
export function train(options: TrainOptions & LongCall): Promise<RunSummary>;
export function train(model: OpenModel, options: FineTuneOptions & LongCall): Promise<RunSummary>;
export function train(
  first: OpenModel | (TrainOptions & LongCall),
  second?: FineTuneOptions & LongCall,
): Promise<RunSummary> {
  if (second === undefined) {
    const { onEvent, signal, ...config } = first as TrainOptions & LongCall;
    return trainRun(config, talkTo({ onEvent, signal }));
  }
  const { onEvent, signal, ...config } = second;
  const { card, state } = first as OpenModel;
  return trainRun({ ...partsOf(card), ...config }, talkTo({ onEvent, signal }), { card, state });
}

/** The fields of a run's configuration that its model decides. */
function partsOf(card: OpenModel["card"]) {
  return {
    encoder: card.encoder,
    encoderWeights: "none",
    decoder: card.decoder,
    decoderOptions: card.decoderOptions,
    pyramid: card.pyramid,
    bands: card.preprocessing.bands.map((band) => band + 1),
    adaptBands: card.adaptBands,
    tune: card.tune,
    ...(card.lora ? { loraRank: card.lora.rank, loraAlpha: card.lora.alpha } : {}),
  };
}

/** Scores a model on a split (default `val`) of data with its classes. Rejects with SegError for other classes and an empty split. */
export function evaluate(model: OpenModel, options: EvaluateOptions & LongCall): Promise<Evaluation> {
  return evaluateOpen(model, options, talkTo(options));
}

/**
 * Maps photos and GeoTIFFs to files: class PNGs with overlays, GeoTIFFs on the scenes' own grids (pixels; 255 outside the data). An input that fails is
 * `failed` in the result and the rest goes on. Rejects with SegError for options that do not fit, with Stopped after `signal`.
 */
export function predict(
  model: OpenModel,
  inputs: readonly string[],
  options: PredictOptions & LongCall,
): Promise<Prediction[]> {
  return predictFiles(model, inputs, options, talkTo(options));
}

/**
 * Feature maps of an encoder for photos, one float32 [1, C, H, W] each, in their order. Rejects with SegError for unknown names, weights that are not on
 * this machine and files that cannot be read. For many images use `createEmbedder`, which hands out one at a time.
 */
export async function embed(
  images: readonly string[],
  options: EmbedOptions & EngineOptions & LongCall & { readonly engine?: Engine["name"] },
): Promise<TensorData[]> {
  const talk = talkTo(options);
  const embedder = await createEmbedder(await createEngine(options.engine ?? "onnx", options), options);
  const bar = talk.progress("embedding", images.length);
  const maps: TensorData[] = [];
  try {
    for (const image of images) {
      maps.push(await embedder.embed(image));
      bar.add(1);
      await talk.breathe();
    }
  } finally {
    bar.end();
    await embedder.dispose();
  }
  const int8 = embedder.int8();
  if (int8) talk.info(int8Line(int8));
  return maps;
}

/**
 * Writes the regions of a class map, a GeoTIFF of one band of class numbers, as polygons that share their edges: GeoJSON, GeoJSON lines or FlatGeobuf, by
 * the ending of `out`. The file is whole or absent. Rejects with SegError for maps and options that do not do, with Stopped after `signal`.
 */
export function vectorize(map: string, options: VectorizeOptions & LongCall): Promise<Vectorized> {
  return vectorizeMap(map, options, talkTo(options));
}

/** Fetches an encoder's published weights from the hub into its cache. Rejects with SegError where they cannot be had, with Stopped after `signal`. */
export async function pullWeights(
  encoder: string,
  options: LongCall & { readonly name?: string } = {},
): Promise<string> {
  const talk = talkTo(options);
  let done = 0;
  let bar: ReturnType<typeof talk.progress> | undefined;
  return pull(encoder, options.name, (bytes, total) => {
    const stopped = stoppedBy(options.signal);
    if (stopped) throw stopped; // what was fetched is kept for the next call
    bar ??= talk.progress("bytes", total);
    bar.add(bytes - done);
    done = bytes;
  });
}
