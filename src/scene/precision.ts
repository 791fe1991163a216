/** @file What stays in float32 of an int8 encoder that brings no calibration: decided by windows of the scene that do not depend on where a run begins. */
import { CALIBRATION_IMAGES, int8Line } from "../int8.js";
import type { OpenModel } from "../open-model.js";
import type { TensorData } from "../graph/tensor.js";
import type { Axis } from "../raster/index.js";
import type { Talk } from "../talk.js";
import type { SceneReader } from "./reader.js";

/** Calibrates by the first windows that hold data, looked for at even steps through the scene, then one by one. */
export async function calibrateByScene(
  { engine, predictor }: OpenModel,
  reader: Pick<SceneReader, "read">,
  { columns, rows }: { columns: Axis; rows: Axis },
  talk: Talk,
): Promise<void> {
  if (engine.precision === "fp32" || predictor.int8()) return;
  const windows = columns.starts.length * rows.starts.length;
  const step = Math.max(1, Math.floor(windows / 16));
  let inputs = await inputsOf(reader, windows, Math.floor(step / 2), step);
  if (inputs.length === 0 && step > 1) inputs = await inputsOf(reader, windows, 0, 1);
  if (inputs.length === 0) return;
  await predictor.calibrate(inputs);
  const int8 = predictor.int8();
  if (int8) talk.info(int8Line(int8));
}

async function inputsOf(reader: Pick<SceneReader, "read">, windows: number, first: number, step: number) {
  const inputs: TensorData[] = [];
  for (let n = first; n < windows && inputs.length < CALIBRATION_IMAGES; n += step) {
    const { input } = await reader.read(n);
    if (input) inputs.push(input);
  }
  return inputs;
}
