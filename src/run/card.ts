/**
 * @file The model card: everything besides the weights that is needed to use a model: parts, classes, preprocessing.
 * It travels inside the safetensors metadata (key `sam-seg`) and beside it as model.json.
 */
import { z } from "zod";
import { SegError } from "../errors.js";

const numbers = z.array(z.number());
const preprocessing = z.strictObject({
  bands: z.array(z.number().int().nonnegative()),
  bandNames: z.array(z.string()),
  stretch: z.strictObject({ low: numbers, high: numbers }).optional(),
  mean: numbers,
  std: numbers,
  size: z.number().int().positive().optional(),
  multipleOf: z.number().int().positive(),
});
const classInfo = z.strictObject({
  name: z.string(),
  color: z.tuple([z.number().int(), z.number().int(), z.number().int()]),
});

export const modelCard = z.strictObject({
  format: z.literal(1),
  encoder: z.string(),
  decoder: z.string(),
  pyramid: z.enum(["simple", "taps", "stem"]),
  decoderOptions: z.record(z.string(), z.unknown()),
  adaptBands: z.boolean(),
  classes: z.array(classInfo).min(1).max(255),
  /** softmax over one channel a class, or sigmoid of a single channel (class 1 of two). */
  head: z.enum(["softmax", "sigmoid"]),
  preprocessing,
  tune: z.enum(["frozen", "lora", "full"]),
  lora: z.strictObject({ rank: z.number(), alpha: z.number() }).optional(),
  /** Weights that training never changes, kept once a run: file beside the checkpoint folders and its SHA-256. */
  frozen: z.strictObject({ file: z.string().regex(/^\w[\w.-]*$/), sha256: z.string() }).optional(),
  /** Trained on maps of an int8 encoder: weights whose layers stayed in float32, and the cosine to float32 maps. */
  int8: z.strictObject({ kept: z.array(z.string()), cosine: z.number() }).optional(),
  /** Side of training crops, for models of free input size. */
  cropSize: z.number().int().positive().optional(),
  step: z.number().int().nonnegative(),
  software: z.string(),
});
export type ModelCard = z.infer<typeof modelCard>;

/** Parses the JSON of a card; `file` is named in errors. */
export function parseCard(text: string, file: string): ModelCard {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SegError(file, "its model card is not JSON", "use a model written by seg train", 2, { cause: error });
  }
  const parsed = modelCard.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SegError(
    file,
    `its model card is wrong at ${issue.path.join(".") || "the top"}: ${issue.message}`,
    "use a model written by seg train",
  );
}
