/**
 * @file The compiled training step and the values it works on: weights, running statistics, optimizer state, averaged weights.
 */
import type { Engine, Program } from "../engine/engine.js";
import * as g from "../graph/functions.js";
import type { Tensor, TensorData } from "../graph/tensor.js";
import type { LossFunction } from "../loss-sum.js";
import { clipFactor, type Optimizer, optimizers } from "../optim/index.js";
import { generator } from "../random.js";
import type { Dropout } from "../scope.js";
import type { StateDict } from "../weights/state.js";
import type { RunPlan } from "./plan.js";
import { accumulate, compileGradients, normOf } from "./step.js";
import { compileUpdater, type Updater } from "./update.js";
import type { RunWeights } from "./weights.js";

/** One forward pass's input: an image or cached maps, with labels. */
export interface StepInput {
  readonly image?: TensorData;
  readonly maps?: readonly TensorData[];
  readonly labels: TensorData;
}

export interface StepResult {
  readonly loss: number;
  readonly norm: number;
  /** Whether loss and gradients were finite; otherwise nothing was changed. */
  readonly finite: boolean;
}

export interface StepRate {
  /** 1 for the first step. */
  readonly step: number;
  readonly lr: number;
  readonly beta1: number;
}

export interface Session {
  readonly weights: RunWeights;
  /** Slots as `slot/SLOT/NAME`, averaged weights as `ema/NAME`. */
  readonly optimizer: StateDict;
  /** Runs one optimizer step over the inputs (their gradients are averaged). */
  step(inputs: readonly StepInput[], rate: StepRate): Promise<StepResult>;
  /** Weights to validate and predict with: trained (or their average) and buffers. */
  current(): StateDict;
  dispose(): Promise<void>;
}

export interface SessionOptions {
  readonly engine: Engine;
  readonly plan: RunPlan;
  readonly loss: LossFunction;
  readonly weights: RunWeights;
  readonly classWeights?: readonly number[];
  /** State of an interrupted run. */
  readonly optimizer?: StateDict;
  /** Input sides (H, W) of a batch. */
  readonly height: number;
  readonly width: number;
}

/** Compiles the programs of a run. */
export async function createSession(options: SessionOptions): Promise<Session> {
  const { plan, weights, engine } = options;
  const optimizer: Optimizer = optimizers[plan.config.optimizer];
  const { traced, dropouts } = traceLoss(options);
  const gradients = await compileGradients(engine, traced, weights.frozen);
  const updater = compileUpdater({ optimizer, ema: plan.config.ema });
  const state = options.optimizer ?? freshOptimizer(weights.trained, optimizer, plan.config.ema > 0);
  const runner = new Runner(options, optimizer, dropouts, gradients, updater, state);
  return {
    weights,
    optimizer: state,
    step: (inputs, rate) => runner.step(inputs, rate),
    current: () => runner.current(),
    dispose: () => gradients.dispose(),
  };
}

function traceLoss({ plan, weights, loss, classWeights, height, width }: SessionOptions) {
  const { model, config } = plan;
  const recording = model.record(true, plan.tune !== "full", config.recompute !== "off");
  const B = config.batchSize;
  const image = g.input("image", [B, model.bands, height, width]);
  const labels = g.input("labels", [B, height, width], "int32");
  const maps = () => model.cachedShapes(height, width).map((shape, i) => g.input(`map/${i}`, [B, ...shape]));
  const logits = plan.cached ? model.traceDecoder(recording.scope, maps(), image) : model.trace(recording.scope, image);
  const trainable = new Map<string, Tensor>();
  for (const name of weights.trained.keys()) {
    const slot = recording.slots.get(name);
    if (slot) trainable.set(name, slot.tensor);
  }
  const value = loss({ logits, labels, classWeights });
  return { traced: { loss: value, trainable, updates: recording.updates }, dropouts: recording.dropouts };
}

function freshOptimizer(trained: StateDict, optimizer: Optimizer, averages: boolean): StateDict {
  const state: StateDict = new Map();
  for (const [name, { data, shape }] of trained) {
    for (const slot of optimizer.slots)
      state.set(`slot/${slot}/${name}`, { data: new Float32Array(data.length), shape });
    if (averages) state.set(`ema/${name}`, { data: Float32Array.from(data), shape });
  }
  return state;
}

class Runner {
  constructor(
    private readonly options: SessionOptions,
    private readonly optimizer: Optimizer,
    private readonly dropouts: readonly Dropout[],
    private readonly gradients: Program,
    private readonly updater: Updater,
    private readonly state: StateDict,
  ) {}

  async step(inputs: readonly StepInput[], rate: StepRate): Promise<StepResult> {
    const { weights, plan } = this.options;
    const buffers: StateDict = new Map(weights.buffers);
    const sums = await this.gradientsOf(inputs, rate.step, buffers);
    const loss = sums.loss.data[0] / inputs.length;
    const norm = normOf(sums) / inputs.length;
    const isSound = [loss, norm].every(Number.isFinite) && areFinite(buffers);
    const factor = (plan.config.clip > 0 ? clipFactor(norm, plan.config.clip) : 1) / inputs.length;
    const scalars = this.optimizer.values({ ...rate, weightDecay: plan.config.weightDecay });
    const values = { gradients: sums, trained: weights.trained, state: this.state, factor, scalars };
    const finite = isSound && this.updater(values);
    if (finite) for (const [name, value] of buffers) weights.buffers.set(name, value);
    return { loss, norm, finite };
  }

  /** Sums of all passes; `buffers` take the running statistics of each. */
  private async gradientsOf(
    inputs: readonly StepInput[],
    step: number,
    buffers: StateDict,
  ): Promise<Record<string, TensorData>> {
    let total: Record<string, TensorData> | undefined;
    for (const [pass, input] of inputs.entries()) {
      const outputs = await this.gradients.run(this.feeds(input, buffers, step, pass));
      for (const name of buffers.keys()) if (outputs[`buffer/${name}`]) buffers.set(name, outputs[`buffer/${name}`]);
      total = accumulate(total, outputs);
    }
    return total as Record<string, TensorData>;
  }

  private feeds(input: StepInput, buffers: StateDict, step: number, pass: number): Record<string, TensorData> {
    const feeds: Record<string, TensorData> = { labels: input.labels };
    if (input.image) feeds.image = input.image;
    input.maps?.forEach((map, i) => {
      feeds[`map/${i}`] = map;
    });
    for (const dropout of this.dropouts)
      feeds[dropout.name] = this.mask(dropout, `dropout/${step}/${pass}/${dropout.name}`);
    return select(this.gradients, feeds, this.options.weights.trained, buffers);
  }

  private mask({ shape, rate }: Dropout, key: string): TensorData {
    const random = generator(this.options.plan.config.seed, key);
    const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    return { data: data.map(() => (random.uniform() < rate ? 0 : 1 / (1 - rate))), shape };
  }

  current(): StateDict {
    const { trained, buffers } = this.options.weights;
    const state: StateDict = new Map([...trained, ...buffers]);
    for (const name of trained.keys()) {
      const average = this.state.get(`ema/${name}`);
      if (average) state.set(name, average);
    }
    return state;
  }
}

const areFinite = (state: StateDict) => [...state.values()].every(({ data }) => data.every(Number.isFinite));

/** What a program wants, from the first source that has it. */
function select(
  program: Program,
  given: Record<string, TensorData>,
  ...states: StateDict[]
): Record<string, TensorData> {
  const find = (name: string) => given[name] ?? states.find((state) => state.has(name))?.get(name);
  return Object.fromEntries(
    program.feeds.map((name) => {
      const value = find(name);
      if (!value) throw new Error(`internal: the step wants ${name}, which nobody gives`);
      return [name, value];
    }),
  );
}
