/** @file `seg train`: a configuration file, flags over it, or both. */
import { parse } from "yaml";
import { parseTrainConfig, trainConfig, type TrainConfig } from "../../config.js";
import { EXIT, SegError } from "../../errors.js";
import { readText } from "../../files.js";
import { countParameters } from "../../model.js";
import { unknownName } from "../../registry.js";
import { isRun, readRunConfig } from "../../run/folder.js";
import { planRun, train } from "../../train/index.js";
import { freeMemory, gib, peakOf, predictMemory, shortage } from "../../train/memory.js";
import { isFrozen } from "../../train/weights.js";
import type { Arguments, Command } from "../command.js";
import { percent, print } from "../output.js";
import { datasetFlags, datasetOptions, dottedOptions } from "../part-flags.js";
import { loadPlugins } from "../plugins.js";
import { fieldsOf, schemaFlags } from "../schema-flags.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";
import { jsonFlag } from "../options.js";

const OWN = {
  plugin: { type: "string", array: true, describe: "JavaScript file that registers parts", requiresArg: true },
  "dry-run": { type: "boolean", describe: "check everything, say what would be done, write nothing" },
  json: jsonFlag,
} as const;

export const command: Command = {
  build: (y) =>
    y
      .positional("config", { type: "string", describe: "YAML file with the same options in camelCase" })
      .options({ ...schemaFlags(), ...OWN })
      .options(datasetFlags(Object.keys(schemaFlags())))
      .epilogue("Options of parts: --decoder.NAME VALUE (seg decoders), --loss.NAME.OPTION VALUE (seg losses).")
      .example(
        "seg train --encoder sam-vit-b --decoder unet --dataset folder --data photos --out runs/a",
        "decoder on cached SAM embeddings",
      )
      .example("seg train config.yaml --lr 1e-3 --decoder.channels 128,64,32,16,8", "flags win over the file"),
  flags: async (args) => {
    await loadPlugins(args.plugin);
    const fields = Object.keys(schemaFlags());
    return [...fields, ...Object.keys(OWN), ...Object.keys(datasetFlags(fields)), "decoder.", "loss."];
  },
  run: runTrain,
};

async function runTrain(args: Arguments): Promise<number> {
  const config = await configOf(args);
  if (args["dry-run"]) return dryRun(config, args.json);
  const summary = await withSignals((signal) => train(config, terminalTalk(signal)));
  print(args.json, { run: config.out, ...summary }, () => {
    const score =
      summary.mIoU === null ? "no validation split" : `mIoU ${percent(summary.mIoU)} at step ${summary.bestStep}`;
    console.log(
      `${config.out}: ${summary.steps} steps, ${score}, ${summary.secondsPerStep} s a step; see ${config.out}/report.html`,
    );
  });
  return EXIT.ok;
}

/** The run to go on with, then the file, then flags. */
async function configOf(args: Arguments): Promise<TrainConfig> {
  const file = args.config as string | undefined;
  const fromFile = file ? readConfig(await readText(file), file) : {};
  const fromFlags = fieldsOf(args);
  const given = over(over(await resumedConfig({ ...fromFile, ...fromFlags }), fromFile), fromFlags);
  const kind = String(given.dataset ?? "folder");
  const nested = {
    decoderOptions: { ...(given.decoderOptions as object), ...dottedOptions(args, "decoder") },
    lossOptions: { ...(given.lossOptions as object), ...dottedOptions(args, "loss") },
    datasetOptions: {
      ...(given.datasetOptions as object),
      ...datasetOptions(args, kind, Object.keys(schemaFlags())),
    },
  };
  const origins = Object.fromEntries(
    Object.keys(fromFile)
      .filter((key) => !(key in fromFlags))
      .map((key) => [key, `${file}: ${key}`]),
  );
  return parseTrainConfig({ ...given, ...nested }, origins);
}

type Fields = Record<string, unknown>;

/** With `resume`, what the run in `out` was started with, but for what holds for one call. */
async function resumedConfig({ resume, out }: Fields): Promise<Fields> {
  if (resume !== true || typeof out !== "string" || !isRun(out)) return {};
  const { force: _, ...config } = await readRunConfig(out);
  return config;
}

/** `top` wins over `base`: the length of a run, too, which is either steps or epochs. */
function over({ ...base }: Fields, top: Fields): Fields {
  if ("steps" in top) delete base.epochs;
  if ("epochs" in top) delete base.steps;
  return { ...base, ...top };
}

function readConfig(text: string, file: string): Record<string, unknown> {
  const value = parseYaml(text, file);
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new SegError(file, "is no set of options", "write lines like encoder: resnet18");
  for (const key of Object.keys(value)) {
    if (!(key in trainConfig.shape)) throw unknownName(`option in ${file}`, key, Object.keys(trainConfig.shape));
  }
  return value as Record<string, unknown>;
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new SegError(file, `is no YAML (${(error as Error).message.split("\n")[0]})`, "mend the file", 2, {
      cause: error,
    });
  }
}

async function dryRun(config: TrainConfig, json: unknown): Promise<number> {
  const plan = await planRun(config);
  const slots = plan.model.slots();
  const side = plan.preprocessing.size ?? plan.cropSize ?? 0;
  const memory = await predictMemory(plan);
  const short = memory && shortage(plan, memory);
  const facts = {
    config,
    images: { train: plan.train.length, val: plan.validation.length },
    classes: plan.dataset.classes.map(({ name }) => name),
    tune: plan.tune,
    encoderWeights: plan.weights ?? "random",
    steps: plan.steps,
    parameters: countParameters(slots),
    trainedParameters: countParameters(slots, (name) => !isFrozen(name, plan.tune)),
    gflops: plan.model.flops(side, side) / 1e9,
    ...(memory ? { predictedPeakBytes: peakOf(memory), availableBytes: freeMemory() } : {}),
    warnings: [...plan.warnings, ...(short ? [short] : [])],
  };
  print(json, facts, () => {
    console.log(
      `${facts.images.train} training and ${facts.images.val} validation images, ${facts.classes.length} classes: ${facts.classes.join(", ")}`,
    );
    console.log(
      `${config.encoder} (${facts.tune}, weights: ${facts.encoderWeights}) + ${config.decoder}, input ${side} x ${side}, ${facts.gflops.toFixed(1)} GFLOPs an image`,
    );
    console.log(
      `${facts.parameters} parameters, ${facts.trainedParameters} of them trained, ${facts.steps} steps; nothing was written`,
    );
    if (memory) console.log(`predicted peak memory ${gib(peakOf(memory))}, ${gib(freeMemory())} are free`);
    for (const line of facts.warnings) console.log(`warning: ${line}`);
  });
  return EXIT.ok;
}
