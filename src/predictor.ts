/**
 * @file Runs a model on whole images of any size: one compiled program a padded input shape, the last few kept. Used by validation,
 * `seg eval`, `seg predict` and the library's `model.predict`.
 */
import type { Raster } from "./contract.js";
import type { CompileOptions, Engine, Graph, Program } from "./engine/engine.js";
import { programCache } from "./engine/program-cache.js";
import * as g from "./graph/functions.js";
import type { Tensor, TensorData } from "./graph/tensor.js";
import { letGo } from "./let-go.js";
import type { Model } from "./model.js";
import { placeBack, placeBackClasses, type Scores } from "./postprocess.js";
import { type Placement, placementOf, type Preprocessing, selectBands, toInput } from "./preprocess.js";
import { calibrate, type Int8, requireLinear } from "./int8.js";
import type { StateDict } from "./weights/state.js";

export interface PredictorPlan {
  readonly engine: Engine;
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** Weights fixed when programs are compiled. */
  readonly constants: StateDict;
  /** Weights fed on every run (they change while training). */
  readonly feeds?: () => StateDict;
  /** Only one kind of program will be asked for: where the encoder's input has one size, the weights are let go once it is compiled. */
  readonly once?: boolean;
  /** Calibration an int8 engine goes by; without it the first image decides. */
  readonly int8?: Int8;
}

export interface Predictor {
  /** Logits on the image's own grid. */
  scores(image: Raster): Promise<Scores>;
  /** The same from cached maps of the encoder; `image` is needed where the pyramid reads it. */
  scoresOfMaps(maps: readonly TensorData[], image: Raster): Promise<Scores>;
  /** The most likely class of every pixel of the image: `argMaxClasses` of `scores`, in less memory. */
  classes(image: Raster): Promise<Uint8Array>;
  classesOfMaps(maps: readonly TensorData[], image: Raster): Promise<Uint8Array>;
  /** Logits [1, C, H, W] of a prepared input [1, bands, H, W]. */
  logits(input: TensorData): Promise<TensorData>;
  /** Probabilities [1, classes, H, W] of a prepared input, or of the encoder's maps of it; two classes from a single logit. `weights`: times these. */
  probabilities(input: TensorData, maps?: readonly TensorData[], weights?: AxisWeights): Promise<TensorData>;
  /** Logits from the encoder's maps of a prepared input. */
  logitsOfMaps(input: TensorData, maps: readonly TensorData[]): Promise<TensorData>;
  /** Maps of the encoder a decoder would be fed, of a prepared input. */
  mapsOf(input: TensorData): Promise<TensorData[]>;
  /** Maps of the encoder a decoder would be fed, of a raster whose bands are chosen and stretched already: what the embedding cache holds. */
  preparedMaps(image: Raster): Promise<TensorData[]>;
  /** On an int8 engine, decides by prepared inputs [1, bands, H, W] what stays in float32, where nothing did before. */
  calibrate(inputs: readonly TensorData[]): Promise<Int8 | undefined>;
  /** What was decided; undefined before the first image, and always in float32. */
  int8(): Int8 | undefined;
  /** One kind of program is all there will be (`once`, and inputs of one size): logits are what every caller can ask for. */
  readonly isSingle: boolean;
  dispose(): Promise<void>;
}

/** The whole model, its encoder alone, or the rest on the encoder's maps. */
export type Kind = "whole" | "encode" | "decode";
/** What comes out of a program that decodes. */
export type Outcome = "logits" | "probabilities" | "weighted";

/** Weights of the columns and rows of an input: a pixel's is their product. */
export interface AxisWeights {
  readonly across: Float32Array;
  readonly down: Float32Array;
}

export function createPredictor(plan: PredictorPlan): Predictor {
  const { run, isSingle, ...programs } = programsOf(plan);
  const place = async <T>(back: PlaceBack<T>, kind: Kind, image: Raster, maps?: readonly TensorData[]): Promise<T> => {
    const { input, placement } = inputFor(plan, kind, image);
    const { logits } = await run({ kind, input, maps });
    return back(logits.data as Float32Array, logits.shape[1], placement, image.width, image.height);
  };
  const mapsOf = async (input: TensorData) => {
    const outputs = await run({ kind: "encode", input });
    return plan.model.cached.map((_, i) => outputs[`map/${i}`]);
  };
  return {
    scores: (image) => place(placeBack, "whole", image),
    scoresOfMaps: (maps, image) => place(placeBack, "decode", image, maps),
    classes: (image) => place(placeBackClasses, "whole", image),
    classesOfMaps: (maps, image) => place(placeBackClasses, "decode", image, maps),
    logits: async (input) => (await run({ kind: "whole", input })).logits,
    async probabilities(input, maps, weights) {
      const outcome = weights ? "weighted" : "probabilities";
      return (await run({ kind: maps ? "decode" : "whole", input, maps, outcome, weights }))[outcome];
    },
    logitsOfMaps: async (input, maps) => (await run({ kind: "decode", input, maps })).logits,
    mapsOf,
    preparedMaps: (image) => mapsOf(toInput(image, plan.preprocessing).input),
    isSingle,
    ...programs,
  };
}

/** What a program is run on. */
interface Run {
  readonly kind: Kind;
  readonly input: TensorData;
  readonly maps?: readonly TensorData[];
  readonly outcome?: Outcome;
  readonly weights?: AxisWeights;
}

/** The programs of a model, compiled when first asked for. */
function programsOf(plan: PredictorPlan) {
  const programs = programCache();
  const isSingle = plan.once === true && plan.model.encoder.input.size !== undefined;
  let int8 = plan.engine.precision === "int8" ? plan.int8 : undefined;
  const calibrateBy = async (inputs: readonly TensorData[]) => {
    if (plan.engine.precision === "int8") int8 ??= await calibrate(encoderOf(plan), inputs);
    return int8;
  };
  const run = ({ kind, input, maps = [], outcome = "logits", weights }: Run) => {
    const [, , height, width] = input.shape;
    const make = async () => {
      if (kind !== "decode") await calibrateBy([input]);
      const program = await compile(plan, kind, height, width, int8, outcome);
      if (isSingle) letGo(plan.constants);
      return program;
    };
    const key = `${kind} ${height}x${width} ${outcome}`;
    return programs.use(key, make, (program) => runOn(program, plan, input, maps, weights));
  };
  return { run, isSingle, calibrate: calibrateBy, int8: () => int8, dispose: () => programs.dispose() };
}

/** Fails where int8 would change nothing of a model. */
export function checkInt8(plan: PredictorPlan): void {
  const { bands, encoder } = plan.model;
  const side = encoder.input.size ?? 2 * encoder.input.multipleOf;
  requireLinear(encoderOf(plan), [1, bands, side, side]);
}

/** The encoder alone, as calibration wants it. */
function encoderOf({ model, engine, constants }: PredictorPlan) {
  const trace = (image: Tensor) => model.traceEncoder(model.record(false).scope, image);
  return { name: model.spec.encoder, engine, constants, trace };
}

type PlaceBack<T> = (logits: Float32Array, classes: number, at: Placement, width: number, height: number) => T;

/** The network's input; without pixels for a decoder that reads the encoder's maps alone. */
function inputFor({ preprocessing, model }: PredictorPlan, kind: Kind, image: Raster) {
  if (kind !== "decode" || model.readsImage) return toInput(selectBands(image, preprocessing), preprocessing);
  const placement = placementOf(image.width, image.height, preprocessing);
  const shape = [1, model.bands, placement.paddedHeight, placement.paddedWidth];
  return { input: { data: new Float32Array(0), shape }, placement };
}

/** Feeds a program what it asks for: the image, maps of the encoder, and the weights that are no constants. */
function runOn(
  program: Program,
  plan: PredictorPlan,
  input: TensorData,
  maps: readonly TensorData[],
  axes?: AxisWeights,
) {
  const weights = plan.feeds?.();
  const fed = new Map([["image", input], ...maps.map((map, i) => [`map/${i}`, map] as const)]);
  if (axes) {
    fed.set("across", { data: axes.across, shape: [1, 1, 1, axes.across.length] });
    fed.set("down", { data: axes.down, shape: [1, 1, axes.down.length, 1] });
  }
  return program.run(
    Object.fromEntries(program.feeds.map((name) => [name, (fed.get(name) ?? weights?.get(name)) as TensorData])),
  );
}

function compile(
  { engine, model, constants }: PredictorPlan,
  kind: Kind,
  height: number,
  width: number,
  int8?: Int8,
  outcome?: Outcome,
): Promise<Program> {
  const { graph, options } = programOf({ model, constants }, kind, height, width, int8, outcome);
  return engine.compile(graph, options);
}

/** What is compiled for inputs of a size. */
export function programOf(
  { model, constants }: Pick<PredictorPlan, "model" | "constants">,
  kind: Kind,
  height: number,
  width: number,
  int8?: Int8,
  outcome: Outcome = "logits",
): { graph: Graph; options: CompileOptions } {
  const keep = (name: string) => !name.startsWith("encoder.") || int8?.kept.includes(name) === true;
  const options = { constants, keep };
  const { scope } = model.record(false);
  const image = g.input("image", [1, model.bands, height, width]);
  const ending = (logits: Tensor): Graph => ({
    outputs: {
      [outcome]: outcome === "logits" ? logits : outcome === "weighted" ? weighted(logits) : toClasses(logits),
    },
  });
  if (kind === "whole") return { graph: ending(model.trace(scope, image)), options };
  if (kind === "encode") {
    const maps = model.traceEncoder(scope, image);
    return { graph: { outputs: Object.fromEntries(maps.map((map, i) => [`map/${i}`, map])) }, options };
  }
  const maps = model.cachedShapes(height, width).map((shape, i) => g.input(`map/${i}`, [1, ...shape]));
  return { graph: ending(model.traceDecoder(scope, maps, image)), options };
}

/** Probabilities times weights of columns and rows that are fed. */
function weighted(logits: Tensor): Tensor {
  const [, , height, width] = logits.shape;
  const weights = g.mul(g.input("down", [1, 1, height, 1]), g.input("across", [1, 1, 1, width]));
  return g.mul(toClasses(logits), weights);
}

/** Probabilities of classes from logits [1, C, H, W]: softmax, or both sides of a single logit. */
function toClasses(logits: Tensor): Tensor {
  if (logits.shape[1] > 1) return g.softmax(logits, 1);
  const p = g.sigmoid(logits);
  return g.concat([g.sub(1, p), p], 1);
}
