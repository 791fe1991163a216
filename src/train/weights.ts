/**
 * @file The weights of a run: initial values, which of them train, and the model card that travels with them.
 */
import type { ClassInfo } from "../contract.js";
import { readEncoderWeights } from "../encoder-weights.js";
import type { Shape } from "../graph/tensor.js";
import type { Model } from "../model.js";
import type { ModelCard } from "../run/card.js";
import { initialise } from "../scope.js";
import { software } from "../version.js";
import type { StateDict } from "../weights/state.js";
import { LORA_A, LORA_B, mergeLora } from "./lora.js";
import type { RunPlan, Tune } from "./plan.js";

const PREFIX = "encoder.";

/** All weights of a model, split by what training does to them. */
export interface RunWeights {
  /** Trained parameters. */
  readonly trained: StateDict;
  /** Running statistics that training updates. */
  readonly buffers: StateDict;
  /** Everything training never changes. */
  readonly frozen: StateDict;
}

/** Whether `--tune` leaves a parameter or buffer as it is. */
export function isFrozen(name: string, tune: Tune): boolean {
  return tune !== "full" && name.startsWith(PREFIX) && !isLora(name);
}

const isLora = (name: string) => name.endsWith(`.${LORA_A}`) || name.endsWith(`.${LORA_B}`);

/** Splits a whole state dict. */
export function splitWeights(model: Model, tune: Tune, state: StateDict): RunWeights {
  const weights: RunWeights = { trained: new Map(), buffers: new Map(), frozen: new Map() };
  for (const [name, { trainable }] of model.slots()) {
    const value = state.get(name);
    if (!value) throw new Error(`internal: ${name} has no value`);
    const part = isFrozen(name, tune) ? weights.frozen : trainable ? weights.trained : weights.buffers;
    part.set(name, value);
  }
  return weights;
}

/** A model a run goes on from. */
export interface StartingModel {
  readonly card: ModelCard;
  readonly state: StateDict;
}

/** What initial values depend on. */
export interface WeightsPlan extends Pick<RunPlan, "model" | "tune" | "weights"> {
  readonly config: Pick<RunPlan["config"], "seed" | "encoder" | "allowPartial">;
}

/** Initial values from the seed; over them the encoder's from its weights file where there is one, or all of a model to start from. */
export async function initialWeights(plan: WeightsPlan, from?: StartingModel): Promise<StateDict> {
  const { model, weights, config } = plan;
  const slots = model.slots();
  if (from) return overlay(initialise(slots, config.seed), from, plan.tune);
  if (!weights) return initialise(slots, config.seed);
  const wanted = new Map<string, Shape>();
  for (const [name, { tensor }] of slots) {
    if (name.startsWith(PREFIX) && !isLora(name)) wanted.set(name.slice(PREFIX.length), tensor.shape);
  }
  const loaded = await readEncoderWeights(config.encoder, wanted, weights, config.allowPartial);
  const given = new Map([...loaded].map(([name, value]) => [PREFIX + name, value]));
  const rest = new Map([...slots].filter(([name]) => !given.has(name))); // drawing values only to replace them takes seconds
  return new Map([...initialise(rest, config.seed), ...given]);
}

/** The model's own values; its LoRA matrices are folded in where the run trains none of the same rank. */
function overlay(state: StateDict, { card, state: own }: StartingModel, tune: Tune): StateDict {
  const fits = (name: string) => String(state.get(name)?.shape) === String(own.get(name)?.shape);
  const keepsLora = tune === "lora" && [...own.keys()].filter(isLora).every(fits);
  const values = card.lora && !keepsLora ? mergeLora(own, card.lora.rank, card.lora.alpha) : own;
  for (const [name, { data, shape }] of values) {
    if (!state.has(name)) throw new Error(`internal: a model of the same parts has ${name}, the run has not`);
    state.set(name, { data: data.slice(), shape }); // the run changes its own copy
  }
  return state;
}

/** The card of a run's model at a step. */
export function cardOf(
  plan: RunPlan,
  step: number,
  { frozen, int8 }: Pick<ModelCard, "frozen" | "int8"> = {},
): ModelCard {
  const { config, model, preprocessing, tune } = plan;
  return {
    format: 1,
    encoder: config.encoder,
    decoder: config.decoder,
    pyramid: config.pyramid,
    decoderOptions: config.decoderOptions,
    adaptBands: model.bands !== model.encoder.input.bands,
    classes: plan.dataset.classes.map(copyClass),
    head: plan.head,
    preprocessing: {
      ...preprocessing,
      bands: [...preprocessing.bands],
      bandNames: [...preprocessing.bandNames],
    } as ModelCard["preprocessing"],
    tune,
    ...(tune === "lora" ? { lora: { rank: config.loraRank, alpha: config.loraAlpha } } : {}),
    ...(frozen ? { frozen } : {}),
    ...(int8 ? { int8 } : {}),
    ...(plan.cropSize ? { cropSize: plan.cropSize } : {}),
    step,
    software,
  };
}

const copyClass = ({ name, color }: ClassInfo): ModelCard["classes"][number] => ({
  name,
  color: [color[0], color[1], color[2]],
});
