/** @file `seg experiments run`: a grid of trainings as one table. */
import { basename, extname, join } from "node:path";
import { EXIT } from "../../errors.js";
import { markdownTable, readGrid, runExperiment } from "../../experiment.js";
import { unknownName } from "../../registry.js";
import { type Arguments, defineCommand, text } from "../command.js";
import { jsonFlag } from "../options.js";
import { print } from "../output.js";

export const command = defineCommand(
  {
    out: { type: "string", describe: "folder of the runs and the table (default: runs/NAME)", requiresArg: true },
    json: jsonFlag,
  },
  runExperiments,
  (y) =>
    y
      .positional("action", { describe: "run", type: "string" })
      .positional("file", { describe: "FILE.ts, .js or .yaml", type: "string" }),
);

async function runExperiments(args: Arguments): Promise<number> {
  if (args.action !== "run") throw unknownName("action of seg experiments", String(args.action), ["run"]);
  const file = String(args.file);
  const out = text(args, "out") ?? join("runs", basename(file, extname(file)));
  const rows = await runExperiment(file, { out, say: (line) => console.error(line) });
  const { question } = await readGrid(file);
  print(args.json, { question, out, rows }, () => console.log(markdownTable(question, rows)));
  return EXIT.ok;
}
