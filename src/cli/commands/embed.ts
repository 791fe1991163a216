/** @file `seg embed`: an encoder's feature maps as .npy files. */
import { basename, dirname, extname, join } from "node:path";
import { createEmbedder, type Embedder } from "../../embed.js";
import { createEngine } from "../../engine/index.js";
import { errorLine, EXIT, SegError } from "../../errors.js";
import { makeFolder, refuseExisting } from "../../files.js";
import { sweepLeftovers } from "../../leftovers.js";
import { int8Line } from "../../int8.js";
import type { Talk } from "../../talk.js";
import { writeNpy } from "../../weights/npy.js";
import { type Arguments, defineCommand, required, text, wholeNumber } from "../command.js";
import { bandsFlag, engineFlags, jsonFlag, modelOptions } from "../options.js";
import { print } from "../output.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

export const command = defineCommand(
  {
    encoder: { type: "string", describe: "backbone; seg encoders", requiresArg: true },
    "encoder-weights": {
      type: "string",
      describe: "published name, file, or none (default: the published ones)",
      requiresArg: true,
    },
    "allow-partial": { type: "boolean", describe: "accept weights with missing or unknown keys" },
    feature: { type: "string", describe: "index of the feature map (default: what decoders read)", requiresArg: true },
    bands: bandsFlag,
    seed: { type: "string", describe: "seed of random weights", requiresArg: true },
    out: { type: "string", describe: "FILE.npy for one input, or folder", requiresArg: true },
    force: { type: "boolean", describe: "replace files that are there" },
    json: jsonFlag,
    ...engineFlags,
  },
  (args) => withSignals((signal) => runEmbed(args, terminalTalk(signal))),
  (y) => y.positional("input", { describe: "photos and GeoTIFFs", type: "string", array: true }),
);

async function runEmbed(args: Arguments, talk: Talk): Promise<number> {
  const inputs = [args.input].flat().map(String);
  const outputs = planOutputs(inputs, required(args, "out"));
  const { engine: name = "onnx", bands, ...options } = await modelOptions(args);
  const encoder = required(args, "encoder");
  const embedder = await createEmbedder(await createEngine(name, options), {
    encoder,
    encoderWeights: text(args, "encoder-weights"),
    allowPartial: args["allow-partial"] === true,
    feature: wholeNumber(args, "feature", 0),
    bands,
    seed: wholeNumber(args, "seed", 0),
  });
  let written: Written[];
  try {
    written = await embedAll(embedder, inputs, outputs, args.force === true, talk);
  } finally {
    await embedder.dispose();
  }
  const int8 = embedder.int8();
  if (int8) talk.info(int8Line(int8));
  print(args.json, written, () => {
    for (const { output, shape } of written) console.log(`${output}  [${shape.join(", ")}]`);
  });
  return written.length === inputs.length ? EXIT.ok : written.length ? EXIT.partial : EXIT.usage;
}

interface Written {
  readonly input: string;
  readonly output: string;
  readonly shape: readonly number[];
}

/** Embeds every input; one that fails is told and the rest goes on. */
async function embedAll(
  embedder: Embedder,
  inputs: readonly string[],
  outputs: readonly string[],
  force: boolean,
  talk: Talk,
): Promise<Written[]> {
  const written: Written[] = [];
  await sweepLeftovers(outputs);
  for (const [i, input] of inputs.entries()) {
    try {
      if (!force) refuseExisting(outputs[i]);
      const map = await embedder.embed(input);
      await makeFolder(dirname(outputs[i]));
      await writeNpy(outputs[i], map.data as Float32Array, map.shape);
      written.push({ input, output: outputs[i], shape: map.shape });
    } catch (error) {
      if (!(error instanceof SegError) || error.exitCode === EXIT.guard) throw error; // a full disk stops everything
      talk.info(`seg: ${errorLine(error)}`);
    }
    await talk.breathe();
  }
  return written;
}

function planOutputs(inputs: readonly string[], out: string): string[] {
  if (out.endsWith(".npy")) {
    if (inputs.length === 1) return [out];
    throw new SegError(`--out ${out}`, `is one file for ${inputs.length} inputs`, "give a folder");
  }
  const outputs = inputs.map((input) => join(out, `${basename(input, extname(input))}.npy`));
  const twice = outputs.find((path, i) => outputs.indexOf(path) !== i);
  if (twice) throw new SegError(twice, "two inputs would be written to it", "embed them into different folders");
  return outputs;
}
