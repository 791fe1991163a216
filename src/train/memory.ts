/** @file What memory a run will take at most, told before it starts. */
import { createEngine, type Engine } from "../engine/index.js";
import { BASE_BYTES, bytesOfState, heldBy, type SizingEngine, sizing } from "../engine/predicted.js";
import * as g from "../graph/functions.js";
import { parseLoss } from "../loss-sum.js";
import type { StateDict } from "../weights/state.js";
import { inputSide, type RunPlan } from "./plan.js";
import { createSession } from "./session.js";
import { type RunWeights, splitWeights } from "./weights.js";

/** Memory a planned run will take; undefined where that cannot be told: on another engine or a GPU. */
export async function predictMemory(plan: RunPlan): Promise<RunMemory | undefined> {
  const { engine, device, threads, precision } = plan.config;
  if (engine !== "onnx" || device !== "cpu") return undefined;
  return predictRunMemory(plan, await createEngine(engine, { device, threads, precision }));
}

/** Bytes of a run, by the phases that follow each other. */
export interface RunMemory {
  /** Training steps alone. */
  readonly steps: number;
  /** Steps, with the program that validates beside them. */
  readonly training: number;
  /** Computing the maps of a frozen encoder; 0 where they are not cached. */
  readonly embedding: number;
}

/** Batches alive at a time: the one that is trained on, the next, and one that is not yet collected. */
const BATCHES = 3;

/** Memory of a run's process; undefined where the engine cannot tell. Whole images are taken to be as large as the crops. */
export async function predictRunMemory(plan: RunPlan, engine: Engine): Promise<RunMemory | undefined> {
  const [steps, others] = [sizing(engine), sizing(engine)];
  if (!steps || !others) return undefined;
  const state = new Map(
    [...plan.model.slots()].map(
      ([
        name,
        {
          tensor: { shape },
        },
      ]) => [name, { data: NONE, shape }],
    ),
  );
  const weights = splitWeights(plan.model, plan.tune, state);
  const sides = { height: inputSide(plan), width: inputSide(plan) };
  const loss = parseLoss(plan.config.loss, plan.config.lossOptions);
  const session = await createSession({ engine: steps, plan, loss, weights, ...sides });
  const fixed = BASE_BYTES + bytesOfState(state) + bytesOfState(session.optimizer);
  const last = steps.programs[0].results; // gradients of the step before, until they are collected
  const own = fixed + heldBy(steps.programs) + last + BATCHES * batchBytes(steps, weights);
  await compileOthers(plan, others, weights);
  const [validation, encoder] = others.programs;
  const embedding = encoder ? fixed + encoder.feeds + heldBy([encoder]) : 0;
  return { steps: own, training: own + (plan.validation.length ? heldBy([validation]) : 0), embedding };
}

const NONE = new Float32Array(0);

/** What the gradients are fed beside weights. */
const batchBytes = ({ programs: [gradients] }: SizingEngine, { trained, buffers }: RunWeights): number =>
  Math.max(0, gradients.feeds - bytesOfState(trained) - bytesOfState(buffers));

/** The programs a run needs beside its step: scores of one image, and maps of the encoder where they are cached. */
async function compileOthers(
  plan: RunPlan,
  engine: Engine,
  { frozen: constants }: { frozen: StateDict },
): Promise<void> {
  const { model, cached } = plan;
  const side = inputSide(plan);
  const { scope } = model.record(false);
  const image = g.input("image", [1, model.bands, side, side]);
  const maps = model.cachedShapes(side, side).map((shape, i) => g.input(`map/${i}`, [1, ...shape]));
  const logits = cached ? model.traceDecoder(scope, maps, image) : model.trace(scope, image);
  await engine.compile({ outputs: { logits } }, { constants });
  if (!cached) return;
  const outputs = Object.fromEntries(model.traceEncoder(scope, image).map((map, i) => [`map/${i}`, map]));
  await engine.compile({ outputs }, { constants });
}

/** The most a run takes. */
export const peakOf = ({ training, embedding }: RunMemory): number => Math.max(training, embedding);

/** Bytes this process may have, with what it has: of the machine's free memory, or of its container's. */
export const freeMemory = (): number => process.availableMemory() + process.memoryUsage.rss();

/** One line for a run that needs more than there is; undefined where it fits. */
export function shortage(plan: RunPlan, memory: RunMemory, free = freeMemory()): string | undefined {
  const peak = peakOf(memory);
  if (peak <= free) return undefined;
  return `the run takes about ${gib(peak)} of memory and ${gib(free)} are free; ${remedyOf(plan)}`;
}

/** Bytes as people read them. */
export const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

function remedyOf({ config: { batchSize, recompute }, cached, tune, cropSize, preprocessing }: RunPlan): string {
  if (batchSize > 1) return `try --batch-size ${Math.floor(batchSize / 2)} with --accumulate 2`;
  if (!cached && preprocessing.size === undefined) return `try --size below ${cropSize}`;
  if (tune !== "frozen") return recompute === "off" ? "try --recompute on, or --tune frozen" : "try --tune frozen";
  return "choose a smaller encoder or decoder";
}
