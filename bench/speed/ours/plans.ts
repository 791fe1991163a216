/** @file A predictor's plan with seeded random weights, and whether an engine offers a precision. */
import { createEngine, type EngineOptions } from "../../../src/engine/index.js";
import * as g from "../../../src/graph/functions.js";
import { type Shape, sizeOf, type TensorData } from "../../../src/graph/tensor.js";
import type { Model } from "../../../src/model.js";
import type { PredictorPlan } from "../../../src/predictor.js";
import { planPreprocessing } from "../../../src/preprocess.js";
import { generator } from "../../../src/random.js";
import { initialise } from "../../../src/scope.js";

/** The weights whose names are wanted, as constants; photos of three bands. */
export function predictorPlan(model: Model, isWanted: (name: string) => boolean): Omit<PredictorPlan, "engine"> {
  const source = { bands: ["red", "green", "blue"], photo: true };
  const constants = new Map([...initialise(model.slots(), 0)].filter(([name]) => isWanted(name)));
  return { model, preprocessing: planPreprocessing(model.encoder.input, source), constants };
}

/** Uniform values in -1 .. 1 from a seed. */
export function noise(shape: Shape, key: string): TensorData {
  const random = generator(1, key);
  return { data: Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1), shape };
}

/** A precision by name; what engines do not know yet they must refuse or ignore. */
export const precisionOf = (name: string) => name as EngineOptions["precision"];

/** Why a precision cannot be measured: an engine that gives the very numbers of fp32 does not have it. */
export async function missingPrecision(name: string): Promise<string | undefined> {
  if (name === "fp32") return undefined;
  const [plain, wanted] = [await probe("fp32"), await probe(name).catch((error: unknown) => String(error))];
  if (typeof wanted === "string") return `the engine has no precision ${name} (${wanted})`;
  return plain.every((value, i) => value === wanted[i])
    ? `the engine has no precision ${name} (it computes as fp32)`
    : undefined;
}

/** A product with a frozen matrix of a transformer's size. */
async function probe(precision: string): Promise<TensorData["data"]> {
  const engine = await createEngine("onnx", { threads: 1, precision: precisionOf(precision) });
  const y = g.matmul(g.input("x", [64, 768]), g.param("w", [768, 3072]));
  const program = await engine.compile({ outputs: { y } }, { constants: new Map([["w", noise([768, 3072], "w")]]) });
  const { data } = (await program.run({ x: noise([64, 768], "x") })).y;
  await program.dispose();
  return data;
}
