/**
 * @file Runs a model on whole images of any size: one compiled program a padded input shape, the last few kept. Used by validation,
 * `seg eval`, `seg predict` and the library's `model.predict`.
 */
import type { Raster } from "./contract.js";
import type { Engine, Program } from "./engine/engine.js";
import { programCache } from "./engine/program-cache.js";
import * as g from "./graph/functions.js";
import type { TensorData } from "./graph/tensor.js";
import type { Model } from "./model.js";
import { placeBack, type Scores } from "./postprocess.js";
import { type Preprocessing, selectBands, toInput } from "./preprocess.js";
import type { StateDict } from "./weights/state.js";

export interface PredictorPlan {
  readonly engine: Engine;
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** Weights fixed when programs are compiled. */
  readonly constants: StateDict;
  /** Weights fed on every run (they change while training). */
  readonly feeds?: () => StateDict;
}

export interface Predictor {
  /** Logits on the image's own grid. */
  scores(image: Raster): Promise<Scores>;
  /** The same from cached maps of the encoder; `image` is needed where the pyramid reads it. */
  scoresOfMaps(maps: readonly TensorData[], image: Raster): Promise<Scores>;
  /** Maps of the encoder a decoder would be fed, of a raster whose bands are chosen and stretched already: what the embedding cache holds. */
  preparedMaps(image: Raster): Promise<TensorData[]>;
  dispose(): Promise<void>;
}

type Kind = "whole" | "encode" | "decode";

export function createPredictor(plan: PredictorPlan): Predictor {
  const programs = programCache();
  const run = (kind: Kind, input: TensorData, maps: readonly TensorData[] = []) => {
    const [, , height, width] = input.shape;
    const make = () => compile(plan, kind, height, width);
    return programs.use(`${kind} ${height}x${width}`, make, (program) => runOn(program, plan, input, maps));
  };
  const scores = async (kind: Kind, image: Raster, maps?: readonly TensorData[]) => {
    const { input, placement } = toInput(selectBands(image, plan.preprocessing), plan.preprocessing);
    const { logits } = await run(kind, input, maps);
    return placeBack(logits.data as Float32Array, logits.shape[1], placement, image.width, image.height);
  };
  return {
    scores: (image) => scores("whole", image),
    scoresOfMaps: (maps, image) => scores("decode", image, maps),
    async preparedMaps(image) {
      const outputs = await run("encode", toInput(image, plan.preprocessing).input);
      return plan.model.cached.map((_, i) => outputs[`map/${i}`]);
    },
    dispose: () => programs.dispose(),
  };
}

/** Feeds a program what it asks for: the image, maps of the encoder, and the weights that are no constants. */
function runOn(program: Program, plan: PredictorPlan, input: TensorData, maps: readonly TensorData[]) {
  const weights = plan.feeds?.();
  const fed = new Map([["image", input], ...maps.map((map, i) => [`map/${i}`, map] as const)]);
  return program.run(
    Object.fromEntries(program.feeds.map((name) => [name, (fed.get(name) ?? weights?.get(name)) as TensorData])),
  );
}

function compile(
  { engine, model, constants }: PredictorPlan,
  kind: Kind,
  height: number,
  width: number,
): Promise<Program> {
  const { scope } = model.record(false);
  const image = g.input("image", [1, model.bands, height, width]);
  if (kind === "whole") return engine.compile({ outputs: { logits: model.trace(scope, image) } }, { constants });
  if (kind === "encode") {
    const maps = model.traceEncoder(scope, image);
    return engine.compile({ outputs: Object.fromEntries(maps.map((map, i) => [`map/${i}`, map])) }, { constants });
  }
  const maps = model.cachedShapes(height, width).map((shape, i) => g.input(`map/${i}`, [1, ...shape]));
  return engine.compile({ outputs: { logits: model.traceDecoder(scope, maps, image) } }, { constants });
}
