/** @file How close int8 embeddings of SAM ViT-B are to fp32 ones: cosine over a made-up photo, random weights. usage: tsx int8-fidelity.ts [--threads N] */
import { createEngine } from "../../../src/engine/index.js";
import type { TensorData } from "../../../src/graph/tensor.js";
import { cosineOf } from "../../../src/int8.js";
import { defineModel } from "../../../src/model.js";
import { createPredictor } from "../../../src/predictor.js";
import { programArguments, say } from "../protocol.js";
import { photo } from "./photos.js";
import { missingPrecision, precisionOf, predictorPlan } from "./plans.js";

const { threads } = programArguments({});
const unavailable = await missingPrecision("int8");
if (unavailable) say({ unavailable });
else say({ figures: { cosine: cosineOf(await embedding("fp32"), await embedding("int8")) } });

async function embedding(precision: string): Promise<TensorData["data"]> {
  const model = defineModel({ encoder: "sam-vit-b", decoder: "unet", classes: 11 });
  const engine = await createEngine("onnx", { threads, precision: precisionOf(precision) });
  const predictor = createPredictor({ ...predictorPlan(model, (name) => name.startsWith("encoder.")), engine });
  const { pixels, width, height } = photo(0);
  const [{ data }] = await predictor.preparedMaps({ data: pixels, width, height, bands: 3 });
  await predictor.dispose();
  return data;
}
