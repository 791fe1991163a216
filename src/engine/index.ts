/** @file Picks an engine; each is loaded only when it is used. */
import { SegError } from "../errors.js";
import type { Engine, EngineOptions } from "./engine.js";

export type { CompileOptions, Engine, EngineOptions, Graph, Precision, Program } from "./engine.js";

/** The engine of a name: `onnx` is embedded, `tfjs` needs one of the optional TensorFlow.js packages. */
export async function createEngine(name: Engine["name"], options: EngineOptions = {}): Promise<Engine> {
  const { precision = "fp32", device = "cpu" } = options;
  if (precision !== "fp32" && (name !== "onnx" || device !== "cpu")) {
    const place = name === "onnx" ? `--device ${device}` : `--engine ${name}`;
    throw new SegError(
      `--precision ${precision}`,
      `is for the onnx engine on the CPU, not ${place}`,
      "leave one of them out",
    );
  }
  if (name === "onnx") return (await import("./onnx/index.js")).onnxEngine(options);
  return (await import("./tfjs/index.js")).tfjsEngine(options);
}
