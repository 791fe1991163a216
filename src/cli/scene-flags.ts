/** @file Flags of `seg predict` that are about scenes, and what they mean. */
import type { Options } from "yargs";
import { SegError } from "../errors.js";
import type { PredictOptions } from "../predict.js";
import { BLEND_MODES, type BlendMode } from "../raster/index.js";
import { unknownName } from "../registry.js";
import { PROBABILITY_BANDS, type ProbabilityBand } from "../scene/bands.js";
import { type Arguments, text, wholeNumber } from "./command.js";

const group = "Scenes (GeoTIFFs):";
const value = { type: "string", requiresArg: true, group } as const;

/** The flags. */
export const sceneFlags: Readonly<Record<string, Options>> = {
  tile: { ...value, describe: "side of the windows, pixels (default: the encoder's size, else 1024)" },
  overlap: { ...value, describe: "pixels neighbouring windows share (default: a quarter)" },
  margin: {
    ...value,
    describe: "pixels at a window's edge that count for nothing (default: an eighth of the overlap)",
  },
  blend: {
    ...value,
    choices: [...BLEND_MODES],
    describe:
      "how windows are joined: smooth weights, cut in the middle of the overlap (exact), or plain mean [default: cosine]",
  },
  prob: {
    ...value,
    describe: `also write NAME.prob.tif with these bands: ${PROBABILITY_BANDS.join(",")} (classes: one each)`,
  },
  alpha: {
    ...value,
    choices: ["mask", "band"],
    describe: "what an alpha band is (default: a mask, unless the model reads it)",
  },
  "on-error": {
    ...value,
    choices: ["fail", "nodata"],
    describe: "a window that fails three times stops the run, or becomes no data [default: fail]",
  },
  "cache-features": {
    ...value,
    describe: "folder that keeps the encoder's maps, for other decoders over the same scene",
  },
  restart: { type: "boolean", group, describe: "discard what an interrupted run left" },
  status: { type: "boolean", group, describe: "say how far the outputs named are, and do nothing" },
};

/** Their values as `predict` takes them. */
export function sceneOptions(args: Arguments): Omit<PredictOptions, "out"> {
  return {
    tile: wholeNumber(args, "tile"),
    overlap: wholeNumber(args, "overlap", 0),
    margin: wholeNumber(args, "margin", 0),
    blend: text(args, "blend") as BlendMode | undefined, // yargs checked the choices of this and the next two
    alpha: text(args, "alpha") as PredictOptions["alpha"],
    onError: text(args, "on-error") as PredictOptions["onError"],
    bands: bandsOf(text(args, "prob")),
    cacheFeatures: text(args, "cache-features"),
    restart: args.restart === true,
  };
}

function bandsOf(given: string | undefined): ProbabilityBand[] {
  if (given === undefined) return [];
  const names = given.split(",").map((name) => name.trim());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new SegError(`--prob ${given}`, `names ${twice} twice`, "name it once");
  return names.map((name) => {
    const band = PROBABILITY_BANDS.find((known) => known === name);
    if (band === undefined) throw unknownName("band of --prob", name, PROBABILITY_BANDS);
    return band;
  });
}
