/**
 * @file Checkpoints of segmentation_models.pytorch 0.6.0 (encoder, decoder, segmentation_head): their names are ours, a YAML file says what the
 * state dict does not.
 */
import { parse } from "yaml";
import { z } from "zod";
import { encoders } from "./catalog.js";
import { SegError } from "./errors.js";
import { readText } from "./files.js";
import { defineModel } from "./model.js";
import { defaultPalette } from "./raster/index.js";
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
  std: z.array(z.number()).optional(),
});

/** Reads a checkpoint and the YAML beside it. Rejects with SegError where they do not fit. */
export async function readForeignModel(file: string, beside: string): Promise<{ card: ModelCard; state: StateDict }> {
  const card = cardOf(parseDescription(await readText(beside), beside));
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

function parseDescription(text: string, file: string): z.infer<typeof description> {
  const parsed = description.safeParse(parseYaml(text, file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SegError(file, `${issue.path.join(".") || "the file"}: ${issue.message}`, "see docs/models.md");
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new SegError(file, "is no YAML", "see docs/models.md", 2, { cause: error });
  }
}

function cardOf({
  encoder,
  decoder,
  classes,
  colors,
  decoderOptions,
  head,
  ...given
}: z.infer<typeof description>): ModelCard {
  const { input } = encoders.get(encoder);
  const palette = defaultPalette(classes.length);
  const named = head === "sigmoid" && classes.length === 1 ? ["background", ...classes] : classes;
  const mean = given.mean ?? [...input.mean];
  return {
    format: 1,
    encoder,
    decoder,
    pyramid: "simple",
    decoderOptions,
    adaptBands: false,
    classes: named.map((name, i) => ({
      name,
      color: colors?.[i] ? rgb(colors[i]) : ([...(palette[i] ?? [0, 0, 0])] as [number, number, number]),
    })),
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

const rgb = (text: string): [number, number, number] =>
  [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16)) as [number, number, number];
