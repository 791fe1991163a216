/** @file Flags several commands share. */
import type { Options } from "yargs";
import type { Engine } from "../engine/engine.js";
import type { ModelOptions } from "../open-model.js";
import { type Arguments, numberList, text, wholeNumber } from "./command.js";
import { loadPlugins } from "./plugins.js";

export const engineFlags: Readonly<Record<string, Options>> = {
  engine: { type: "string", choices: ["onnx", "tfjs"], describe: "engine that runs the graph" },
  device: { type: "string", choices: ["cpu", "cuda", "webgpu"], describe: "where the engine runs" },
  threads: { type: "string", describe: "threads of the engine (default: all cores)", requiresArg: true },
  precision: {
    type: "string",
    choices: ["fp32", "int8"],
    describe: "int8: the encoder's linear layers, on the CPU (default: as the model was trained)",
  },
  plugin: { type: "string", array: true, describe: "JavaScript file that registers parts", requiresArg: true },
};
export const jsonFlag: Options = { type: "boolean", describe: "print the result as JSON" };
export const modelFlag: Options = { type: "string", describe: "run folder or model file", requiresArg: true };
export const bandsFlag: Options = { type: "string", describe: "bands to read, 1-based: 4,3,2", requiresArg: true };

/** Engine and band flags as the library takes them; loads the plugins. */
export async function modelOptions(args: Arguments): Promise<ModelOptions> {
  await loadPlugins(args.plugin);
  return {
    engine: text(args, "engine") as Engine["name"] | undefined,
    device: text(args, "device") as ModelOptions["device"],
    threads: wholeNumber(args, "threads"),
    precision: text(args, "precision") as ModelOptions["precision"],
    bands: numberList(args, "bands"),
  };
}
