#!/usr/bin/env node
/**
 * @file The command line. Results go to stdout, the talk to stderr. Each command is loaded only when it is used, so that `seg --help` is quick.
 * Exit codes: 0 done; 1 a bug of ours; 2 input or usage; 3 some items failed; 4 stopped by a guard; 128 + n stopped by signal n.
 */
import yargs, { type Argv } from "yargs";
import { hideBin } from "yargs/helpers";
import { errorLine, EXIT, SegError } from "../errors.js";
import { Stopped } from "../talk.js";
import { version } from "../version.js";
import { checkArguments, type Command, type GivenArguments } from "./command.js";
import { SIGNALS } from "./signals.js";

/** [usage, summary, module]: one line a command. */
const COMMANDS: readonly (readonly [string, string, () => Promise<{ command: Command }>])[] = [
  ["demo", "see it work: a synthetic town, learnt and mapped in two minutes", () => import("./commands/demo.js")],
  ["train [config]", "train a model: encoder, decoder, your data", () => import("./commands/train.js")],
  ["eval", "score a model on a labelled data set", () => import("./commands/eval.js")],
  ["predict <input..>", "map photos and GeoTIFFs with a model", () => import("./commands/predict.js")],
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

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["seg demo", "see it work, on this machine, in two minutes"],
  ["seg train --encoder resnet18 --data photos --out runs/a --encoder-weights none", "folders images/ and masks/"],
  ["seg predict scene.tif --model runs/a --out map.tif", "a class map on the scene's grid"],
];

/** The command at work, as errors speak of it. */
let atWork = "";

async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  let parser: Argv = yargs([...argv])
    .scriptName("seg")
    .usage("$0 <command>\n\nPrompt-free semantic segmentation with Segment Anything and other backbones.")
    .version(version)
    .parserConfiguration({
      "camel-case-expansion": false,
      "dot-notation": false,
      "boolean-negation": true,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "duplicate-arguments-array": true,
    })
    .option("debug", { type: "boolean", hidden: true })
    .demandCommand(1, "give a command; seg --help lists them")
    .strictCommands()
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .exitProcess(false)
    .help();
  for (const [usage, about, load] of COMMANDS) {
    parser = parser.command(
      usage,
      about,
      async (y: Argv) => (await load()).command.build(y) as Argv<unknown>,
      async (args) => {
        const { command } = await load();
        atWork = usage.split(" ")[0];
        code = await command.run(await checkArguments(args as GivenArguments, command, usage));
      },
    );
  }
  for (const [line, meaning] of EXAMPLES) parser = parser.example(line, meaning);
  await parser
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new SegError("seg", firstLine(message ?? "wrong usage"), "seg --help shows what there is");
    })
    .parseAsync();
  return code;
}

const firstLine = (text: string) => text.split("\n").join(" ");

function report(error: unknown): number {
  if (process.argv.includes("--debug")) console.error(error);
  if (error instanceof SegError) {
    console.error(`seg: ${errorLine(error)}`);
    return error.exitCode;
  }
  if (error instanceof Stopped) {
    const remedy = atWork === "train" ? "everything is saved, go on with --resume" : "run the same command again";
    console.error(`seg: ${errorLine(error)}; ${remedy}`);
    return 128 + (SIGNALS[error.signal] ?? SIGNALS.SIGTERM);
  }
  console.error(`seg: internal error: ${errorLine(error)}; please report it (run again with --debug for the details)`);
  return EXIT.bug;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok); // the reader (head, less) has seen enough
  throw error;
});

process.exitCode = await main(hideBin(process.argv)).catch(report);
