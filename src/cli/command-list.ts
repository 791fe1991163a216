/** @file What `seg` can do, in one list, and its help, which is printed without loading what parses command lines. */
import type { Command } from "./command.js";

/** What the program is. */
export const ABOUT = "Prompt-free semantic segmentation with Segment Anything and other backbones.";

/** [usage, summary, module]: one line a command. */
export const COMMANDS: readonly (readonly [string, string, () => Promise<{ command: Command }>])[] = [
  ["demo", "see it work: a synthetic town, learnt and mapped in two minutes", () => import("./commands/demo.js")],
  ["train [config]", "train a model: encoder, decoder, your data", () => import("./commands/train.js")],
  ["eval", "score a model on a labelled data set", () => import("./commands/eval.js")],
  ["predict <input..>", "map photos and GeoTIFFs with a model", () => import("./commands/predict.js")],
  ["vectorize <map>", "turn a class map into polygons", () => import("./commands/vectorize.js")],
  ["view <map>", "look at a class map in the browser, over its scene", () => import("./commands/view.js")],
  ["embed <input..>", "write an encoder's feature maps as .npy", () => import("./commands/embed.js")],
  ["export", "write a model as one ONNX file", () => import("./commands/export.js")],
  [
    "experiments <action> <file>",
    "run a grid of trainings and make a table",
    () => import("./commands/experiments.js"),
  ],
  ["weights <action> [target]", "pull, import, list, verify pretrained weights", () => import("./commands/weights.js")],
  ["datasets <action>", "list kinds of data sets, inspect one", () => import("./commands/datasets.js")],
  ["encoders", "list encoders", () => import("./commands/encoders.js")],
  ["decoders", "list decoders", () => import("./commands/decoders.js")],
  ["losses", "list losses", () => import("./commands/losses.js")],
  ["doctor", "check this installation and machine", () => import("./commands/doctor.js")],
];

/** [command line, meaning]. */
export const EXAMPLES: readonly (readonly [string, string])[] = [
  ["seg demo", "see it work, on this machine, in two minutes"],
  ["seg train --encoder resnet18 --data photos --out runs/a --encoder-weights none", "folders images/ and masks/"],
  ["seg predict scene.tif --model runs/a --out map.tif", "a class map on the scene's grid"],
];

const OPTIONS: readonly (readonly [string, string])[] = [
  ["--version", "show the version number"],
  ["--help", "show this help; seg COMMAND --help shows a command's options"],
];

/** The text of `seg --help`. */
export function topHelp(): string {
  const commands = COMMANDS.map(([usage, about]) => [`seg ${usage}`, about] as const);
  const examples = EXAMPLES.map(([line, meaning]) => `  ${line}\n      ${meaning}`);
  const parts = ["seg <command>", ABOUT, `Commands:\n${columns(commands)}`, `Options:\n${columns(OPTIONS)}`];
  return [...parts, `Examples:\n${examples.join("\n")}`].join("\n\n");
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
