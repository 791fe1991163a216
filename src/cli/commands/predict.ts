/** @file `seg predict`: class maps of photos and GeoTIFFs. */
import { EXIT, errorLine, SegError } from "../../errors.js";
import { openModel } from "../../open-model.js";
import { type Prediction, predict } from "../../predict.js";
import { type SceneProgress, sceneProgress } from "../../scene/state.js";
import type { Talk } from "../../talk.js";
import { type Arguments, defineCommand, required } from "../command.js";
import { bandsFlag, engineFlags, jsonFlag, modelFlag, modelOptions } from "../options.js";
import { print } from "../output.js";
import { sceneFlags, sceneOptions } from "../scene-flags.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

export const command = defineCommand(
  {
    model: modelFlag,
    out: { type: "string", describe: "file for one input, or folder", requiresArg: true },
    bands: bandsFlag,
    force: { type: "boolean", describe: "replace outputs made from something else" },
    json: jsonFlag,
    ...sceneFlags,
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
      .example("seg predict scene.tif --model runs/a --out map.tif", "a GeoTIFF on the scene's grid")
      .example("seg predict --status map.tif", "how far an unfinished one is"),
);

async function runPredict(args: Arguments, talk: Talk): Promise<number> {
  const inputs = [args.input].flat().filter(Boolean).map(String);
  if (args.status) return showProgress(inputs, args.json);
  const out = required(args, "out");
  const scenes = sceneOptions(args);
  const once = scenes.cacheFeatures === undefined; // else the encoder and the rest are two programs
  const model = await openModel(required(args, "model"), { ...(await modelOptions(args)), once });
  try {
    const results = await predict(model, inputs, { ...scenes, out, force: args.force === true }, talk);
    print(args.json, results.map(plain), () => results.forEach(show));
    return exitCode(results);
  } finally {
    await model.close();
  }
}

/** `--status`: how far outputs are. */
async function showProgress(outputs: readonly string[], json: unknown): Promise<number> {
  if (outputs.length === 0) throw new SegError("--status", "names no output", "give it: seg predict --status map.tif");
  const found: SceneProgress[] = [];
  for (const output of outputs) found.push(await sceneProgress(output));
  print(json, found, () => {
    for (const progress of found) console.log(progressLine(progress));
  });
  return EXIT.ok;
}

function progressLine({ output, state, done, rows, secondsLeft }: SceneProgress): string {
  if (state !== "unfinished") return `${output}: ${state === "complete" ? "complete" : "not begun"}`;
  const left = secondsLeft === undefined ? "" : `, about ${inWords(secondsLeft)} to go`;
  return `${output}: ${done} of ${rows} rows of windows done${left}`;
}

function inWords(seconds: number): string {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
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
