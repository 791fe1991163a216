/** @file `seg eval`: scores of a model on a labelled split. */
import { EXIT } from "../../errors.js";
import { type Evaluation, evaluate } from "../../evaluate.js";
import { openModel } from "../../open-model.js";
import type { Talk } from "../../talk.js";
import { type Arguments, type Command, required, text, wholeNumber } from "../command.js";
import { bandsFlag, engineFlags, jsonFlag, modelFlag, modelOptions } from "../options.js";
import { percent, print, table } from "../output.js";
import { datasetFlags, datasetOptions } from "../part-flags.js";
import { loadPlugins } from "../plugins.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

const OWN = {
  model: modelFlag,
  dataset: { type: "string", describe: "kind of data; seg datasets list", default: "folder", requiresArg: true },
  data: { type: "string", describe: "root of the data", requiresArg: true },
  split: { type: "string", describe: "split to score", default: "val", requiresArg: true },
  limit: { type: "string", describe: "the first N images only", requiresArg: true },
  size: { type: "string", describe: "side of windows cut from scenes", requiresArg: true },
  bands: bandsFlag,
  json: jsonFlag,
  ...engineFlags,
} as const;

export const command: Command = {
  build: (y) =>
    y
      .options(OWN)
      .options(datasetFlags(Object.keys(OWN)))
      .example("seg eval --model runs/a --data photos --json", "scores as JSON"),
  flags: async (args) => {
    await loadPlugins(args.plugin);
    return [...Object.keys(OWN), ...Object.keys(datasetFlags(Object.keys(OWN)))];
  },
  run: (args) => withSignals((signal) => runEval(args, terminalTalk(signal))),
};

async function runEval(args: Arguments, talk: Talk): Promise<number> {
  const dataset = required(args, "dataset");
  const data = required(args, "data");
  const open = await openModel(required(args, "model"), await modelOptions(args));
  try {
    const options = {
      dataset,
      data,
      split: text(args, "split"),
      limit: wholeNumber(args, "limit"),
      size: wholeNumber(args, "size"),
    };
    const result = await evaluate(
      open,
      { ...options, datasetOptions: datasetOptions(args, dataset, Object.keys(OWN)) },
      talk,
    );
    print(args.json, result, () => show(result));
  } finally {
    await open.close();
  }
  return EXIT.ok;
}

function show(result: Evaluation): void {
  const rows = result.classes.map((name, i) => [
    name,
    percent(result.iou[i]),
    percent(result.precision[i]),
    percent(result.recall[i]),
    percent(result.f1[i]),
  ]);
  table(["class", "IoU", "precision", "recall", "F1"], rows);
  console.log(
    `\nmIoU ${percent(result.mIoU)}, pixel accuracy ${percent(result.pixelAccuracy)}, ${result.images} images of split ${result.split}`,
  );
  console.log(`${result.convention}${result.absentClasses ? `; absent: ${result.absentClasses}` : ""}`);
}
