/**
 * @file The page to read first: what an encoder, a decoder, a loss and a dataset are.
 * A part declares its facts as data (strides, channels, input size); nothing ever asks for a model's name.
 * Layout: images [B, C, H, W]; labels [B, H, W] with class indices, IGNORE where a pixel does not count.
 */
import type { Shape, Tensor, TensorData } from "./graph/tensor.js";

/** Label value of pixels that count nowhere: not in a loss, not in a metric. Every dataset maps its own to this. */
export const IGNORE = 255;

/** How a parameter is filled when no weights are loaded. `value` is a constant; the others are torch.nn.init's. */
export type Init =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly std: number }
  | { readonly kind: "truncated-normal"; readonly std: number }
  | { readonly kind: "kaiming-uniform"; readonly fan: "in" | "out"; readonly a?: number }
  | { readonly kind: "kaiming-normal"; readonly fan: "in" | "out" }
  | { readonly kind: "xavier-uniform" }
  | { readonly kind: "uniform"; readonly bound: number };

/** Hands out named parameters while a model is traced; names are the upstream checkpoint's. */
export interface Scope {
  /** Whether the trace is of a training step: batch norm uses and updates batch statistics, dropout drops. */
  readonly training: boolean;
  /** Path of this scope, e.g. `encoder.layer1.0`. */
  readonly path: string;
  /** A sub-scope: `s.at("layer1.0")`. */
  at(name: string): Scope;
  /** A trainable parameter of this scope; created on the first trace, looked up afterwards. Default init: constant 0. */
  param(name: string, shape: Shape, init?: Init): Tensor;
  /** State that is not trained (running statistics); saved with the weights. */
  buffer(name: string, shape: Shape, init?: Init): Tensor;
  /** In training: the value this buffer takes after the step. */
  update(name: string, value: Tensor): void;
  /** Random zeroing, scaled by 1/(1-rate), identity outside training. `shape` is the mask's, broadcast against x. */
  dropout(x: Tensor, rate: number, shape?: Shape): Tensor;
  /**
   * fn(x), as a block whose inner values training may compute again in the backward pass instead of keeping them. fn must trace the same each
   * time and read no other traced values than x, parameters and buffers.
   */
  block(fn: (x: Tensor) => Tensor, x: Tensor): Tensor;
}

/** One map of an encoder: `[B, channels, H / stride, W / stride]`. */
export interface Feature {
  readonly name: string;
  readonly stride: number;
  readonly channels: number;
}

export interface EncoderInput {
  /** Fixed side in pixels (SAM: 1024): images are scaled so that the longer side fits, then padded right and bottom. */
  readonly size?: number;
  /** Sides must be multiples of this; images are padded right and bottom. */
  readonly multipleOf: number;
  readonly bands: number;
  /** Per band, on the 0..255 scale: (x - mean) / std. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A file of published weights: where it is, what it must hash to, and under which licence it is given. */
export interface PublishedWeights {
  /** Name users write: `--encoder-weights sa1b`. */
  readonly name: string;
  readonly repository: string;
  readonly file: string;
  /** Lower-case hex digest; undefined where no trusted source states it (the hub's own value is then checked). */
  readonly sha256?: string;
  readonly bytes?: number;
  readonly licence: string;
  readonly source: string;
}

export interface Encoder {
  readonly about: string;
  readonly input: EncoderInput;
  /** Every map `forward` returns, in order. */
  readonly features: readonly Feature[];
  /** Indices into `features` of what a decoder reads; a plain ViT names one, and a pyramid is put behind it. */
  readonly maps: readonly number[];
  /** Indices of the intermediate maps `--pyramid taps` reads; empty where there are none. */
  readonly taps: readonly number[];
  /** Module paths whose `weight` LoRA adapts, as suffixes: `attn.qkv`. */
  readonly loraTargets: readonly string[];
  /** What `--tune` is when not given and weights are loaded. */
  readonly defaultTune: "frozen" | "full";
  readonly weights: readonly PublishedWeights[];
  /** Traces the encoder. x: [B, bands, H, W], normalised; parameter names carry no `encoder.` prefix. */
  forward(s: Scope, x: Tensor, options?: { readonly bands?: number }): Tensor[];
  /** Renames the keys of any known spelling (Meta, Hugging Face, timm, torchvision) to ours; undefined drops the key. */
  renameKey(key: string): string | undefined;
  /** Adapts a loaded tensor to the shape wanted (e.g. a widened first layer); absent: shapes must be equal. */
  adapt?(name: string, value: TensorData, wanted: Shape): TensorData;
}

export interface Decoder<O extends object = Record<string, unknown>> {
  readonly about: string;
  /** Options and their defaults; also the flags `--decoder.NAME`. */
  readonly defaults: O;
  /** Strides read, ascending: the order of `features` in `forward`. */
  readonly strides: readonly number[];
  /** Strides among them that may be absent (undefined in `features`). */
  readonly optionalStrides: readonly number[];
  /** The segmentation head put behind: kernel of its convolution and the factor of its bilinear (align_corners) upsampling. */
  readonly head: { readonly kernel: number; readonly upsampling: number };
  forward(s: Scope, features: readonly (Tensor | undefined)[], options: O): Tensor;
}

export interface LossInput {
  /** [B, C, H, W]; C = 1 is a binary task with a sigmoid. */
  readonly logits: Tensor;
  /** int32 [B, H, W], class index or IGNORE. */
  readonly labels: Tensor;
  /** One weight a class (multiclass: C; binary: background, foreground). */
  readonly classWeights?: readonly number[];
}

export interface Loss<O extends object = Record<string, unknown>> {
  readonly about: string;
  readonly defaults: O;
  /** A scalar. Must be 0 with a zero gradient when every pixel is ignored. */
  forward(input: LossInput, options: O): Tensor;
}

export type PixelArray = Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** A decoded raster: interleaved [H, W, bands] in its own data type. */
export interface Raster {
  readonly data: PixelArray;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  /** 1 where the pixel holds data, 0 for nodata; absent: all valid. [H, W] */
  readonly valid?: Uint8Array;
}

/** Class indices [H, W], IGNORE where a pixel does not count. */
export interface LabelMap {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface ClassInfo {
  readonly name: string;
  /** RGB, 0..255. */
  readonly color: readonly [number, number, number];
}

/** One labelled image of a dataset. Reading is lazy; the same sample always reads the same bytes. */
export interface Sample {
  /** Unique within the dataset, printable: `train/0001TP_006690`. */
  readonly id: string;
  /** The file or URL errors name. */
  readonly file: string;
  image(): Promise<Raster>;
  /** Rejects with SegError for values that are neither a class nor ignored. */
  labels(): Promise<LabelMap>;
  /** SHA-256 (hex) over the image's content: key of the embedding cache and of the leak check. */
  contentHash(): Promise<string>;
}

/** Per-band statistics of the training split, measured once and stored with the model. */
export interface BandStatistics {
  /** 2nd and 98th percentile per band: the stretch to 0..255. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface Dataset {
  readonly name: string;
  readonly classes: readonly ClassInfo[];
  readonly bands: readonly string[];
  /** True for 8-bit photos, which go to the encoder as they are; others are stretched by `statistics` first. */
  readonly photo: boolean;
  readonly statistics?: BandStatistics;
  readonly splits: readonly string[];
  /** Samples of a split in a fixed order; an unknown split is an error that lists the splits. */
  samples(split: string): readonly Sample[];
  /** Remarks the user should see once (an image in train and val, rotated EXIF, ...). */
  readonly warnings: readonly string[];
}

export interface DatasetKind<O extends object = Record<string, unknown>> {
  readonly about: string;
  /** Options and their defaults (undefined allowed by a `null` default); also flags of train, eval and inspect. */
  readonly defaults: O;
  /** One line a option for `--help`. */
  readonly help?: { readonly [K in keyof O]?: string };
  open(root: string, options: O): Promise<Dataset>;
}
