/**
 * @file The one schema behind `seg train`'s YAML file, its flags and the `train()` function of the library.
 * Every field is a flag in kebab-case; an unknown key is an error.
 */
import { z } from "zod";
import { SegError } from "./errors.js";
import { unknownName } from "./registry.js";

const count = z.number().int().positive();
const numberList = z.array(z.number().int().positive());

/** What `seg train` and `train()` take. */
export const trainConfig = z.strictObject({
  encoder: z.string().default("sam-vit-b").describe("backbone; `seg encoders` lists them"),
  decoder: z.string().default("unet").describe("decoder; `seg decoders` lists them"),
  pyramid: z.enum(["simple", "taps", "stem"]).default("simple").describe("how a plain ViT feeds the decoder"),
  dataset: z.string().default("folder").describe("kind of data; `seg datasets list` lists them"),
  data: z.string().describe("root folder (or scene file) of the data"),
  out: z.string().describe("run folder to write"),
  encoderWeights: z.string().optional().describe("name of published weights, a file, or none"),
  tune: z.enum(["frozen", "lora", "full"]).optional().describe("what is trained of the encoder"),
  allowPartial: z.boolean().default(false).describe("accept encoder weights with missing or unknown keys"),
  steps: count.optional().describe("optimizer steps; instead of epochs"),
  epochs: count.optional().describe("passes over the training split (default 20)"),
  batchSize: count.default(4).describe("images a forward pass"),
  accumulate: count.default(1).describe("forward passes an optimizer step"),
  seed: z.number().int().nonnegative().default(0).describe("seed of initialisation, order and augmentation"),
  bands: numberList.optional().describe("bands to read, 1-based, in the encoder's order: 4,3,2"),
  adaptBands: z.boolean().default(false).describe("learn how more than 3 bands enter a 3-band encoder"),
  size: count.optional().describe("side of training crops (or of windows cut from scenes), pixels"),
  loss: z.string().default("ce").describe("loss or weighted sum: ce, 0.5*ce+dice; `seg losses` lists them"),
  classWeights: z.string().optional().describe("auto (inverse frequency), or one number a class: 1,2,0.5"),
  optimizer: z.enum(["adamw", "adam", "sgd"]).default("adamw").describe("optimizer"),
  lr: z.number().positive().default(3e-4).describe("peak learning rate"),
  weightDecay: z.number().nonnegative().default(0.01).describe("weight decay"),
  momentum: z.number().min(0).max(1).default(0.9).describe("momentum of sgd"),
  schedule: z.enum(["constant", "poly", "cosine", "one-cycle"]).default("cosine").describe("learning-rate schedule"),
  warmup: z.number().int().nonnegative().default(0).describe("steps of linear warm-up"),
  clip: z.number().nonnegative().default(0).describe("largest gradient norm; 0: no clipping"),
  ema: z.number().min(0).max(1).default(0).describe("decay of the averaged weights used for validation; 0: none"),
  recompute: z
    .enum(["on", "off"])
    .default("on")
    .describe("compute the encoder's blocks again for gradients instead of keeping them: less memory, more time"),
  loraRank: count.default(8).describe("rank of the LoRA matrices"),
  loraAlpha: z.number().positive().default(16).describe("scale of LoRA: alpha / rank"),
  augment: z.enum(["none", "flips", "standard", "aerial"]).default("standard").describe("augmentation preset"),
  views: z
    .union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)])
    .default(1)
    .describe("cached dihedral views"),
  cache: z.string().optional().describe("folder of the embedding cache (default: RUN/../.embeddings)"),
  validateEvery: count.optional().describe("steps between validations (default: an epoch)"),
  valLimit: count.optional().describe("validate on the first N images only"),
  patience: count.optional().describe("stop after N validations without a better mIoU"),
  saveEvery: count.optional().describe("steps between saves of the last checkpoint (default: at each validation)"),
  engine: z.enum(["onnx", "tfjs"]).default("onnx").describe("engine that runs the graph"),
  device: z.enum(["cpu", "cuda", "webgpu"]).default("cpu").describe("where the engine runs"),
  threads: count.optional().describe("threads of the engine (default: all cores)"),
  precision: z
    .enum(["fp32", "int8"])
    .default("fp32")
    .describe("int8: linear layers of a frozen, cached encoder, calibrated on the first images (onnx on the CPU)"),
  resume: z.boolean().default(false).describe("go on with an interrupted run"),
  force: z.boolean().default(false).describe("take over a lock of another machine"),
  decoderOptions: z.record(z.string(), z.unknown()).default({}).describe("options of the decoder: --decoder.NAME"),
  datasetOptions: z.record(z.string(), z.unknown()).default({}).describe("options of the dataset"),
  lossOptions: z.record(z.string(), z.unknown()).default({}).describe("options of the losses: --loss.NAME.OPTION"),
});

/** A complete configuration: every default filled in. */
export type TrainConfig = z.infer<typeof trainConfig>;
/** What a caller must give. */
export type TrainOptions = z.input<typeof trainConfig>;

/** Fills in defaults and checks every field; an unknown or wrong one is an error that names it. `origins`: where a field was given. */
export function parseTrainConfig(options: object, origins: Readonly<Record<string, string>> = {}): TrainConfig {
  const parsed = trainConfig.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue.code === "unrecognized_keys") throw unknownName("option", issue.keys[0], Object.keys(trainConfig.shape));
  const field = String(issue.path[0] ?? "");
  const where = origins[field] ?? flagOf(field);
  if ((options as Record<string, unknown>)[field] === undefined)
    throw new SegError(where, "is missing", "give it; see seg train --help");
  const value = JSON.stringify((options as Record<string, unknown>)[field]);
  throw new SegError(where, `${value} does not do: ${issue.message}`, "see seg train --help");
}

/** `encoderWeights` as users write it: `--encoder-weights`. */
export const flagOf = (field: string): string => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
