/** @file What an output depends on beside its input: the model, its classes, and how it is run. */
import type { OpenModel } from "./open-model.js";
import { software } from "./version.js";

/** Everything of a model that an output's bytes depend on. */
export async function modelParameters(open: OpenModel) {
  const { preprocessing, classes, head } = open.card;
  const model = { digest: await open.digest(), preprocessing, classes, head }; // a foreign checkpoint's are in its YAML file
  const { name: engine, precision } = open.engine;
  const int8 = precision === "fp32" ? {} : { precision, kept: open.predictor.int8()?.kept };
  return { software, model, engine, ...int8 };
}
