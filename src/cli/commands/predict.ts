/** @file `seg predict`: class maps of photos and GeoTIFFs. */
import { EXIT, errorLine } from "../../errors.js";
import { openModel } from "../../open-model.js";
import { type Prediction, type PredictOptions, predict } from "../../predict.js";
import { BLEND_MODES, type BlendMode } from "../../raster/index.js";
import type { Talk } from "../../talk.js";
import { type Arguments, defineCommand, required, text, wholeNumber } from "../command.js";
import { bandsFlag, engineFlags, jsonFlag, modelFlag, modelOptions } from "../options.js";
import { print } from "../output.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

export const command = defineCommand(
  {
    model: modelFlag,
    out: { type: "string", describe: "file for one input, or folder", requiresArg: true },
    tile: {
      type: "string",
      describe: "side of a scene's windows (default: the encoder's size, else 1024)",
      requiresArg: true,
    },
    overlap: { type: "string", describe: "pixels neighbouring windows share (default: a quarter)", requiresArg: true },
    blend: {
      type: "string",
      choices: [...BLEND_MODES],
      describe:
        "how windows are joined: smooth weights, cut in the middle of the overlap, or plain mean [default: cosine]",
    },
    alpha: {
      type: "string",
      choices: ["mask", "band"],
      describe: "what an alpha band is (default: a mask, unless the model reads it)",
    },
    bands: bandsFlag,
    force: { type: "boolean", describe: "replace outputs made from something else" },
    json: jsonFlag,
    ...engineFlags,
  },
  (args) => withSignals((signal) => runPredict(args, terminalTalk(signal))),
  (y) =>
    y
      .positional("input", {
        describe: "photos (PNG, JPEG, WebP), GeoTIFFs, folders of them",
        type: "string",
        array: true,
      })
      .example("seg predict *.jpg --model runs/a --out maps", "class PNGs and overlays")
      .example("seg predict scene.tif --model runs/a --out map.tif", "a GeoTIFF on the scene's grid"),
);

async function runPredict(args: Arguments, talk: Talk): Promise<number> {
  const inputs = [args.input].flat().map(String);
  const out = required(args, "out");
  const model = await openModel(required(args, "model"), { ...(await modelOptions(args)), once: true });
  try {
    const options = {
      out,
      tile: wholeNumber(args, "tile"),
      overlap: wholeNumber(args, "overlap", 0),
      blend: text(args, "blend") as BlendMode | undefined,
      alpha: text(args, "alpha") as PredictOptions["alpha"],
      force: args.force === true,
    };
    const results = await predict(model, inputs, options, talk);
    print(args.json, results.map(plain), () => results.forEach(show));
    return exitCode(results);
  } finally {
    await model.close();
  }
}

const plain = ({ error, ...rest }: Prediction) => (error ? { ...rest, error: errorLine(error) } : rest);

/** Failures were told when they happened. */
function show({ output, state }: Prediction): void {
  if (state === "written") console.log(output);
  else if (state === "complete") console.log(`${output}: already complete`);
}

function exitCode(results: readonly Prediction[]): number {
  const failed = results.filter(({ state }) => state === "failed").length;
  return failed === 0 ? EXIT.ok : failed === results.length ? EXIT.usage : EXIT.partial;
}
