/** @file `seg experiments run`: a grid of trainings as one table. */
import { basename, extname, join } from "node:path";
import { EXIT } from "../../errors.js";
import { runExperiment } from "../../experiment.js";
import { markdownTable } from "../../experiment-table.js";
import { unknownName } from "../../registry.js";
import type { TalkEvent } from "../../talk.js";
import { type Arguments, defineCommand, text } from "../command.js";
import { engineFlags, jsonFlag } from "../options.js";
import { print } from "../output.js";
import { withSignals } from "../signals.js";

export const command = defineCommand(
  {
    out: { type: "string", describe: "folder of the runs and the table (default: runs/NAME)", requiresArg: true },
    plugin: engineFlags.plugin,
    json: jsonFlag,
  },
  runExperiments,
  (y) =>
    y
      .positional("action", { describe: "run", type: "string" })
      .positional("file", { describe: "FILE.ts, .js or .yaml", type: "string" })
      .example("seg experiments run experiments/backbones.ts --out runs/backbones", "finished cells are not run again"),
);

async function runExperiments(args: Arguments): Promise<number> {
  if (args.action !== "run") throw unknownName("action of seg experiments", String(args.action), ["run"]);
  const file = String(args.file);
  const out = text(args, "out") ?? join("runs", basename(file, extname(file)));
  const { question, rows } = await withSignals((signal) =>
    runExperiment(file, { out, signal, plugins: pluginFiles(args), onEvent: say }),
  );
  print(args.json, { question, out, rows }, () => console.log(markdownTable(question, rows)));
  return EXIT.ok;
}

const pluginFiles = ({ plugin }: Arguments): string[] => [plugin ?? []].flat().map(String);

function say(event: TalkEvent): void {
  if (event.event === "info") console.error(event.line);
}
