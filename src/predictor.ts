/**
 * @file Runs a model on whole images of any size: one compiled program a padded input shape. Used by validation, `seg eval`,
 * `seg predict` and the library's `model.predict`.
 */
import type { Raster } from "./contract.js";
import type { Engine, Program } from "./engine/engine.js";
import * as g from "./graph/functions.js";
import type { TensorData } from "./graph/tensor.js";
import type { Model } from "./model.js";
import { placeBack, type Scores } from "./postprocess.js";
import { type Placement, type Preprocessing, selectBands, toInput } from "./preprocess.js";
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
  /** Maps of the encoder a decoder would be fed: what the embedding cache holds. */
  maps(image: Raster): Promise<TensorData[]>;
  /** The same for a raster whose bands are chosen and stretched already. */
  preparedMaps(image: Raster): Promise<TensorData[]>;
  dispose(): Promise<void>;
}

type Kind = "whole" | "encode" | "decode";

export function createPredictor(plan: PredictorPlan): Predictor {
  const programs = new Map<string, Promise<Program>>();
  const program = (kind: Kind, height: number, width: number) => {
    const key = `${kind} ${height}x${width}`;
    const known = programs.get(key) ?? compile(plan, kind, height, width);
    programs.set(key, known);
    return known;
  };
  const run = async (kind: Kind, input: TensorData, maps: readonly TensorData[] = []) => {
    const [, , height, width] = input.shape;
    const compiled = await program(kind, height, width);
    const weights = plan.feeds?.() ?? new Map<string, TensorData>();
    const all: Record<string, TensorData> = {
      image: input,
      ...Object.fromEntries(maps.map((map, i) => [`map/${i}`, map])),
    };
    return compiled.run(Object.fromEntries(compiled.feeds.map((name) => [name, all[name] ?? weights.get(name)])));
  };
  const encode = async (input: TensorData) => {
    const outputs = await run("encode", input);
    return plan.model.cached.map((_, i) => outputs[`map/${i}`]);
  };
  const back = (logits: TensorData, at: Placement, image: Raster) =>
    placeBack(logits.data as Float32Array, logits.shape[1], at, image.width, image.height);
  const prepare = (image: Raster) => toInput(selectBands(image, plan.preprocessing), plan.preprocessing);
  return {
    async scores(image) {
      const { input, placement } = prepare(image);
      return back((await run("whole", input)).logits, placement, image);
    },
    async scoresOfMaps(maps, image) {
      const { input, placement } = prepare(image);
      return back((await run("decode", input, maps)).logits, placement, image);
    },
    maps: (image) => encode(prepare(image).input),
    preparedMaps: (image) => encode(toInput(image, plan.preprocessing).input),
    async dispose() {
      for (const compiled of programs.values()) await (await compiled).dispose();
      programs.clear();
    },
  };
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
