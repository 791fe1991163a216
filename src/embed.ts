/** @file `embed()`: the feature maps of an encoder for images, as float32 NCHW. */
import type { Engine } from "./engine/index.js";
import { encoders } from "./catalog.js";
import { readEncoderWeights, resolveEncoderWeights } from "./encoder-weights.js";
import { SegError } from "./errors.js";
import * as g from "./graph/functions.js";
import type { TensorData } from "./graph/tensor.js";
import { planPreprocessing, selectBands, toInput } from "./preprocess.js";
import { readPhoto } from "./raster/index.js";
import { initialise, recordScope } from "./scope.js";
import type { StateDict } from "./weights/state.js";

export interface EmbedOptions {
  readonly encoder: string;
  /** Name of published weights, a file, or none (seeded random). Default: the published ones. */
  readonly encoderWeights?: string;
  readonly allowPartial?: boolean;
  /** Index into the encoder's features; default the last of what decoders read. */
  readonly feature?: number;
  readonly seed?: number;
}

export interface Embedder {
  /** Feature map [1, C, H, W] of an RGB photo. */
  embed(path: string): Promise<TensorData>;
  dispose(): Promise<void>;
}

/** Prepares an encoder with weights. Rejects with SegError for unknown names, features and weights. */
export async function createEmbedder(engine: Engine, options: EmbedOptions): Promise<Embedder> {
  const encoder = encoders.get(options.encoder);
  const index = options.feature ?? encoder.maps[encoder.maps.length - 1];
  if (!encoder.features[index]) {
    const list = encoder.features.map(({ name }, i) => `${i} ${name}`).join(", ");
    throw new SegError(`--feature ${index}`, `${options.encoder} has no such map`, `choose among: ${list}`);
  }
  const slots = encoderSlots(options.encoder);
  const state = await encoderState(options, slots);
  const photo = { bands: ["red", "green", "blue"], photo: true };
  const preprocessing = planPreprocessing(encoder.input, photo);
  const programs = new Map<string, Promise<Awaited<ReturnType<Engine["compile"]>>>>();
  const programFor = (shape: readonly number[]) => {
    const key = shape.join("x");
    const known =
      programs.get(key) ??
      engine.compile(
        { outputs: { map: encoder.forward(recordScope({ training: false }).scope, g.input("image", shape))[index] } },
        { constants: state },
      );
    programs.set(key, known);
    return known;
  };
  return {
    async embed(path) {
      const { input } = toInput(selectBands(await readPhoto(path), preprocessing), preprocessing);
      return (await (await programFor(input.shape)).run({ image: input })).map;
    },
    async dispose() {
      for (const program of programs.values()) await (await program).dispose();
    },
  };
}

function encoderSlots(name: string) {
  const encoder = encoders.get(name);
  const { size, multipleOf, bands } = encoder.input;
  const side = size ?? 2 * multipleOf;
  const recording = recordScope({ training: false });
  encoder.forward(recording.scope, g.input("image", [1, bands, side, side]));
  return recording.slots;
}

async function encoderState(options: EmbedOptions, slots: ReturnType<typeof encoderSlots>): Promise<StateDict> {
  const path = await resolveEncoderWeights(options.encoder, options.encoderWeights);
  const state = initialise(slots, options.seed ?? 0);
  if (!path) return state;
  const shapes = new Map([...slots].map(([name, { tensor }]) => [name, tensor.shape]));
  const loaded = await readEncoderWeights(options.encoder, shapes, path, options.allowPartial);
  return new Map([...state, ...loaded]);
}
