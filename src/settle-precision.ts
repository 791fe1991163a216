/** @file Before a model is used on many images: what its precision is, and on an int8 engine what stays in float32, told in a line each. */
import type { Raster } from "./contract.js";
import { SegError } from "./errors.js";
import type { TensorData } from "./graph/tensor.js";
import { CALIBRATION_IMAGES, int8Line } from "./int8.js";
import { type OpenModel, precisionRemark } from "./open-model.js";
import { type Preprocessing, selectBands, toInput } from "./preprocess.js";
import type { Talk } from "./talk.js";

/** Calibrates an int8 model that brings no calibration, by the first images that can be read; warns where precisions differ. */
export async function settlePrecision(
  open: OpenModel,
  images: readonly (() => Promise<Raster>)[],
  talk: Talk,
): Promise<void> {
  const { engine, predictor, card } = open;
  const remark = precisionRemark(open);
  if (remark) talk.warn(remark);
  if (engine.precision === "fp32") return;
  if (!predictor.int8()) {
    const inputs = await inputsOf(images, card.preprocessing);
    if (inputs.length) await predictor.calibrate(inputs);
  }
  const int8 = predictor.int8();
  if (int8) talk.info(int8Line(int8));
}

/** Inputs of the first few images; one that cannot be read is told of when its turn comes. */
async function inputsOf(
  images: readonly (() => Promise<Raster>)[],
  preprocessing: Preprocessing,
): Promise<TensorData[]> {
  const inputs: TensorData[] = [];
  for (const read of images) {
    try {
      inputs.push(toInput(selectBands(await read(), preprocessing), preprocessing).input);
    } catch (error) {
      if (!(error instanceof SegError)) throw error;
    }
    if (inputs.length === CALIBRATION_IMAGES) break;
  }
  return inputs;
}
