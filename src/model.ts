/**
 * @file A model: encoder, pyramid where strides are missing, decoder, segmentation head. Pure tracing: no engine, no data.
 * Names at the top are segmentation_models.pytorch's (`encoder.`, `decoder.`, `segmentation_head.`); ours are `pyramid.` and `adapter.`.
 */
import { decoders, encoders } from "./catalog.js";
import type { Decoder, Encoder, Feature, Scope } from "./contract.js";
import { SegError } from "./errors.js";
import { flopsOf } from "./graph/flops.js";
import * as g from "./graph/functions.js";
import { type Shape, sizeOf, type Tensor } from "./graph/tensor.js";
import { conv2d } from "./nn/index.js";
import { type Pyramid, type PyramidName, pyramids } from "./pyramids.js";
import { type ParamHook, type Recording, recordScope, type Slot } from "./scope.js";
import { unknownName } from "./registry.js";

export interface ModelSpec {
  readonly encoder: string;
  readonly decoder: string;
  readonly pyramid?: PyramidName;
  readonly decoderOptions?: Readonly<Record<string, unknown>>;
  /** Channels of the scores: one a class, or 1 for a binary task. */
  readonly classes: number;
  /** Bands of the network's input; default: the encoder's. */
  readonly bands?: number;
  /** Replaces parameters while tracing (LoRA). */
  readonly hook?: ParamHook;
}

export interface Model {
  readonly spec: ModelSpec;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  /** The pyramid in use, or undefined where the encoder has the strides itself. */
  readonly pyramid: Pyramid | undefined;
  readonly bands: number;
  /** Encoder maps the decoder's side reads: what is cached for a frozen encoder. */
  readonly cached: readonly Feature[];
  /** Whether the decoder's side reads the image beside the maps. */
  readonly readsImage: boolean;
  /** Shapes [C, H, W] of the cached maps for an input size. */
  cachedShapes(height: number, width: number): Shape[];
  /** Image [B, bands, H, W] to the cached maps. */
  traceEncoder(s: Scope, image: Tensor): Tensor[];
  /** Cached maps (and the image) to scores [B, classes, H, W]. */
  traceDecoder(s: Scope, maps: readonly Tensor[], image: Tensor): Tensor;
  /** Image to scores. */
  trace(s: Scope, image: Tensor): Tensor;
  /** A fresh recording scope with this model's hook. `recompute`: gradients compute the encoder's blocks again. */
  record(training: boolean, frozenEncoder?: boolean, recompute?: boolean): Recording;
  /** Every parameter and buffer, found by tracing once. */
  slots(): ReadonlyMap<string, Slot>;
  /** Floating-point operations of one forward pass of one image. */
  flops(height: number, width: number): number;
}

/** Puts a model together; what does not fit is refused with what would. */
export function defineModel(spec: ModelSpec): Model {
  const encoder = encoders.get(spec.encoder);
  const decoder = decoders.get(spec.decoder);
  const options = decoderOptions(spec, decoder);
  const plan = planLevels(spec, encoder, decoder);
  const bands = spec.bands ?? encoder.input.bands;
  const adapts = bands !== encoder.input.bands && encoder.adapt === undefined; // others widen their first layer
  const cached = plan.indices.map((index) => encoder.features[index]);
  const self: Model = {
    spec,
    encoder,
    decoder,
    pyramid: plan.pyramid,
    bands,
    cached,
    readsImage: plan.pyramid?.readsImage ?? false,
    cachedShapes: (height, width) => cached.map(({ channels, stride }) => [channels, height / stride, width / stride]),
    traceEncoder(s, image) {
      const x = adapts ? conv2d(s.at("adapter"), image, encoder.input.bands, { kernel: 1 }) : image;
      const features = encoder.forward(s.at("encoder"), x, { bands });
      return plan.indices.map((index) => features[index]);
    },
    traceDecoder(s, maps, image) {
      const levels = plan.levels(s.at("pyramid"), maps, image);
      const features = decoder.forward(s.at("decoder"), levels, options);
      return head(s.at("segmentation_head"), features, spec.classes, decoder.head);
    },
    trace: (s, image) => self.traceDecoder(s, self.traceEncoder(s, image), image),
    record: (training, frozenEncoder = false, recompute = false) =>
      recordScope({ training, evaluated: frozenEncoder ? ["encoder"] : [], hook: spec.hook, recompute }),
    slots: () => slotsOf(self),
    flops: (height, width) =>
      flopsOf([self.trace(self.record(false).scope, g.input("image", [1, bands, height, width]))]),
  };
  return self;
}

function slotsOf(model: Model): ReadonlyMap<string, Slot> {
  const { size, multipleOf } = model.encoder.input;
  const side = size ?? 2 * multipleOf;
  const recording = model.record(false);
  model.trace(recording.scope, g.input("image", [1, model.bands, side, side]));
  return recording.slots;
}

/** Trained parameters counted by a predicate on their names. */
export function countParameters(
  slots: ReadonlyMap<string, Slot>,
  counts: (name: string) => boolean = () => true,
): number {
  let sum = 0;
  for (const [name, { tensor, trainable }] of slots) if (trainable && counts(name)) sum += sizeOf(tensor.shape);
  return sum;
}

interface LevelPlan {
  readonly pyramid: Pyramid | undefined;
  /** Indices of encoder features that are used. */
  readonly indices: readonly number[];
  /** The decoder's features, in the order of its strides. */
  levels(s: Scope, maps: readonly Tensor[], image: Tensor): (Tensor | undefined)[];
}

function planLevels(spec: ModelSpec, encoder: Encoder, decoder: Decoder): LevelPlan {
  const own = new Map(encoder.maps.map((index) => [encoder.features[index].stride, index]));
  if (decoder.strides.every((stride) => own.has(stride) || decoder.optionalStrides.includes(stride))) {
    if (spec.pyramid !== undefined && spec.pyramid !== "simple") {
      const reason = `${spec.encoder} has the maps ${spec.decoder} wants, and needs no pyramid`;
      throw new SegError(`--pyramid ${spec.pyramid}`, reason, "leave --pyramid out");
    }
    const indices = decoder.strides.flatMap((stride) => own.get(stride) ?? []);
    const at = decoder.strides.map((stride) => indices.indexOf(own.get(stride) ?? -1));
    return { pyramid: undefined, indices, levels: (_s, maps) => at.map((i) => maps[i]) };
  }
  if (encoder.maps.length !== 1) {
    const has = encoder.maps.map((index) => encoder.features[index].stride).join(", ");
    throw new SegError(
      spec.decoder,
      `wants strides ${decoder.strides.join(", ")}, ${spec.encoder} has ${has}`,
      "choose another pair",
    );
  }
  return pyramidPlan(spec, encoder, decoder);
}

function pyramidPlan(spec: ModelSpec, encoder: Encoder, decoder: Decoder): LevelPlan {
  const name = spec.pyramid ?? "simple";
  const pyramid = pyramids[name];
  if (pyramid.readsTaps && !encoder.taps.length) {
    throw new SegError(`--pyramid ${name}`, `${spec.encoder} has no intermediate maps`, "use --pyramid simple or stem");
  }
  const wanted = decoder.strides.filter((stride) => pyramid.strides.includes(stride));
  const missing = decoder.strides.find(
    (stride) => !wanted.includes(stride) && !decoder.optionalStrides.includes(stride),
  );
  if (missing !== undefined) {
    throw new SegError(
      spec.decoder,
      `wants stride ${missing}, which pyramid ${name} does not offer`,
      "use --pyramid stem",
    );
  }
  return {
    pyramid,
    indices: pyramid.readsTaps ? encoder.taps : encoder.maps,
    levels(s, maps, image) {
      const made = pyramid.levels(s, { map: maps[maps.length - 1], taps: maps, image }, wanted);
      return decoder.strides.map((stride) => made[wanted.indexOf(stride)]);
    },
  };
}

/** SMP's SegmentationHead: a convolution, then bilinear upsampling with align_corners. */
function head(s: Scope, x: Tensor, classes: number, { kernel, upsampling }: Decoder["head"]): Tensor {
  const options = { kernel, padding: (kernel - 1) / 2, init: { kind: "xavier-uniform" } } as const;
  const scores = conv2d(s.at("0"), x, classes, options);
  const [, , H, W] = scores.shape;
  return upsampling === 1 ? scores : g.resize(scores, [H * upsampling, W * upsampling], "bilinear-corners");
}

function decoderOptions(
  { decoderOptions: given = {}, decoder: name }: ModelSpec,
  decoder: Decoder,
): Record<string, unknown> {
  for (const [key, value] of Object.entries(given)) {
    const usual = decoder.defaults[key];
    if (usual === undefined) throw unknownName(`option of decoder ${name}`, key, Object.keys(decoder.defaults));
    if (typeof usual !== typeof value || Array.isArray(usual) !== Array.isArray(value)) {
      throw new SegError(
        `decoder.${key}`,
        `${JSON.stringify(value)} is not like ${JSON.stringify(usual)}`,
        "give a value of that kind",
      );
    }
  }
  return { ...decoder.defaults, ...given };
}
