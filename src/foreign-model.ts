/**
 * @file Checkpoints of segmentation_models.pytorch 0.6.0 (encoder, decoder, segmentation_head): their names are ours, a YAML file says what the
 * state dict does not.
 */
import { parse } from "yaml";
import { z } from "zod";
import { encoders } from "./catalog.js";
import { colorClasses, parseColor } from "./dataset/classes.js";
import { SegError } from "./errors.js";
import { readText } from "./files.js";
import { defineModel } from "./model.js";
import type { ModelCard } from "./run/card.js";
import { software } from "./version.js";
import { loadInto } from "./weights/load.js";
import { openWeights } from "./weights/open.js";
import type { StateDict } from "./weights/state.js";

const description = z.strictObject({
  encoder: z.string(),
  decoder: z.string(),
  classes: z.array(z.string()).min(1).max(255),
  colors: z.array(z.string().regex(/^#[0-9a-fA-F]{6}$/)).optional(),
  decoderOptions: z.record(z.string(), z.unknown()).default({}),
  head: z.enum(["softmax", "sigmoid"]).default("softmax"),
  bands: z.array(z.string()).optional(),
  mean: z.array(z.number()).optional(),
  std: z.array(z.number().positive()).optional(),
});
type Description = z.infer<typeof description>;

/** Reads a checkpoint and the YAML beside it. Rejects with SegError where they do not fit. */
export async function readForeignModel(file: string, beside: string): Promise<{ card: ModelCard; state: StateDict }> {
  const card = cardOf(parseDescription(await readText(beside), beside));
  checkBands(card, beside);
  const { encoder, decoder, decoderOptions, classes, head, preprocessing } = card;
  const channels = head === "sigmoid" ? 1 : classes.length;
  const model = defineModel({ encoder, decoder, decoderOptions, classes: channels, bands: preprocessing.bands.length });
  const wanted = new Map([...model.slots()].map(([name, { tensor }]) => [name, tensor.shape]));
  const weights = await openWeights(file);
  try {
    const { state } = await loadInto(wanted, weights, { rename: (key) => renameKey(key, encoder) });
    return { card, state };
  } finally {
    await weights.close();
  }
}

/** Encoder keys by the encoder's own table; the rest keeps its name. Prefixes of wrappers (Lightning's `model.`) are dropped. */
function renameKey(key: string, encoder: string): string | undefined {
  const own = key.replace(/^(module\.|model\.)+/, "");
  if (!own.startsWith("encoder.")) return own;
  const name = encoders.get(encoder).renameKey(own.slice("encoder.".length));
  return name === undefined ? undefined : `encoder.${name}`;
}

function parseDescription(text: string, file: string): Description {
  const parsed = description.safeParse(parseYaml(text, file));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SegError(file, `${issue.path.join(".") || "the file"}: ${issue.message}`, "see docs/models.md");
  }
  checkClasses(parsed.data, file);
  return parsed.data;
}

function checkClasses({ head, classes, colors }: Description, file: string): void {
  const count = classes.length;
  if (head === "softmax" ? count < 2 : count > 2) {
    const reason = `head ${head} is for ${head === "softmax" ? "two classes or more" : "one class or two"}, not ${count}`;
    throw new SegError(file, reason, "see docs/models.md");
  }
  if (colors && colors.length !== count)
    throw new SegError(file, `names ${count} class(es) and ${colors.length} color(s)`, "give one for each class");
}

function checkBands({ preprocessing: { bandNames, mean, std } }: ModelCard, file: string): void {
  if (new Set([bandNames.length, mean.length, std.length]).size === 1) return;
  const reason = `${bandNames.length} bands, ${mean.length} values of mean and ${std.length} of std do not fit`;
  throw new SegError(file, reason, "give bands, mean and std for every band of the model");
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new SegError(file, "is no YAML", "see docs/models.md", 2, { cause: error });
  }
}

function cardOf({ encoder, decoder, decoderOptions, head, ...given }: Description): ModelCard {
  const { input } = encoders.get(encoder);
  const mean = given.mean ?? [...input.mean];
  return {
    format: 1,
    encoder,
    decoder,
    pyramid: "simple",
    decoderOptions,
    adaptBands: false,
    classes: classesOf(given),
    head,
    preprocessing: {
      bands: mean.map((_, i) => i),
      bandNames: given.bands ?? (mean.length === 3 ? ["red", "green", "blue"] : mean.map((_, i) => `band ${i + 1}`)),
      mean,
      std: given.std ?? [...input.std],
      ...(input.size ? { size: input.size } : {}),
      multipleOf: input.multipleOf,
    },
    tune: "full",
    step: 0,
    software,
  };
}

/** Classes with colours; a single one (SMP's classes=1) is what its sigmoid tells from a background. */
function classesOf({ classes, colors }: Pick<Description, "classes" | "colors">): ModelCard["classes"] {
  const own = classes.map((name, i) => ({ name, color: colors && parseColor(colors[i]) }));
  const named = own.length === 1 ? [{ name: "background" }, ...own] : own;
  return colorClasses(named).map(({ name, color: [r, g, b] }) => ({ name, color: [r, g, b] }));
}
