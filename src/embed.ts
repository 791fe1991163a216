/** @file `embed()`: the feature maps of an encoder for photos and GeoTIFFs, as float32 NCHW. */
import { encoders } from "./catalog.js";
import type { BandStatistics, EncoderInput, Raster } from "./contract.js";
import type { Engine } from "./engine/index.js";
import { programCache } from "./engine/program-cache.js";
import { readEncoderWeights, resolveEncoderWeights } from "./encoder-weights.js";
import { SegError } from "./errors.js";
import * as g from "./graph/functions.js";
import type { Tensor, TensorData } from "./graph/tensor.js";
import { calibrate, type Int8 } from "./int8.js";
import { letGo } from "./let-go.js";
import { type Preprocessing, planPreprocessing, selectBands, toInput } from "./preprocess.js";
import { collectStatistics, MAX_PIXELS, openGeoTiff, readPhoto } from "./raster/index.js";
import { initialise, recordScope } from "./scope.js";
import type { StateDict } from "./weights/state.js";

export interface EmbedOptions {
  readonly encoder: string;
  /** Name of published weights, a file, or none (seeded random). Default: the published ones. */
  readonly encoderWeights?: string;
  readonly allowPartial?: boolean;
  /** Index into the encoder's features; default the last of what decoders read. */
  readonly feature?: number;
  /** 1-based bands to read, as many as the encoder takes; default: all of them, a single one for each. */
  readonly bands?: readonly number[];
  readonly seed?: number;
}

export interface Embedder {
  /**
   * Feature map [1, C, H, W] of a photo or GeoTIFF. Pixels that are not of 8 bits are stretched to 0..255 by the image's
   * own 2nd and 98th percentiles, band by band.
   */
  embed(path: string): Promise<TensorData>;
  /** On an int8 engine, what the first image left in float32; undefined before it. */
  int8(): Int8 | undefined;
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
  const programs = programCache();
  const trace = (image: Tensor) => [encoder.forward(recordScope({ training: false }).scope, image)[index]];
  const plan = { name: options.encoder, engine, constants: state, trace };
  let int8: Int8 | undefined;
  const compile = async (input: TensorData) => {
    if (engine.precision === "int8") int8 ??= await calibrate(plan, [input]);
    const keep = (name: string) => int8?.kept.includes(name) === true;
    const outputs = { map: trace(g.input("image", input.shape))[0] };
    const program = await engine.compile({ outputs }, { constants: state, keep });
    if (encoder.input.size !== undefined) letGo(state); // every image has this size: no other program will be made of them
    return program;
  };
  return {
    async embed(path) {
      const image = await readImage(path);
      const preprocessing = planFor(image, path, encoder.input, options.bands);
      const { input } = toInput(selectBands(image, preprocessing), preprocessing);
      const make = () => compile(input);
      return (await programs.use(input.shape.join("x"), make, (program) => program.run({ image: input }))).map;
    },
    int8: () => int8,
    dispose: () => programs.dispose(),
  };
}

async function readImage(path: string): Promise<Raster> {
  if (!/\.tiff?$/i.test(path)) return readPhoto(path);
  const scene = await openGeoTiff(path);
  try {
    const { width, height } = scene;
    if (width * height > MAX_PIXELS) {
      const reason = `${width} x ${height} pixels are more than ${MAX_PIXELS}`;
      throw new SegError(path, reason, "cut it, e.g. with gdal_translate -srcwin");
    }
    return await scene.read({ x: 0, y: 0, width, height });
  } finally {
    await scene.close();
  }
}

function planFor(image: Raster, path: string, input: EncoderInput, wanted?: readonly number[]): Preprocessing {
  const names = Array.from({ length: image.bands }, (_, i) => `band ${i + 1}`);
  const bands = wanted ?? (image.bands === 1 ? Array<number>(input.bands).fill(1) : names.map((_, i) => i + 1));
  if (bands.length !== input.bands) {
    const reason = `has ${bands.length} bands, the encoder takes ${input.bands}`;
    throw new SegError(path, reason, "choose them with --bands, e.g. --bands 3,2,1");
  }
  const photo = image.data instanceof Uint8Array;
  return planPreprocessing(input, { bands: names, photo, statistics: photo ? undefined : measure(image, path) }, bands);
}

function measure(image: Raster, path: string): BandStatistics {
  const collector = collectStatistics(image.bands);
  collector.add(image);
  const found = collector.result();
  if (found) return found;
  throw new SegError(path, "holds no data", "give an image with valid pixels");
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
