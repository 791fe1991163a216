/** @file Picks an engine; each is loaded only when it is used. */
import type { Engine, EngineOptions } from "./engine.js";

export type { CompileOptions, Engine, EngineOptions, Graph, Program } from "./engine.js";

/** The engine of a name: `onnx` is embedded, `tfjs` needs one of the optional TensorFlow.js packages. */
export async function createEngine(name: Engine["name"], options: EngineOptions = {}): Promise<Engine> {
  if (name === "onnx") return (await import("./onnx/index.js")).onnxEngine(options);
  return (await import("./tfjs/index.js")).tfjsEngine(options);
}
