/** @file Flags of `seg predict` that are about scenes, and what they mean. */
import type { Options } from "yargs";
import { SegError } from "../errors.js";
import type { PredictOptions } from "../predict.js";
import { BLEND_MODES, type BlendMode } from "../raster/index.js";
import { unknownName } from "../registry.js";
import { PROBABILITY_BANDS, type ProbabilityBand } from "../scene/bands.js";
import { type Arguments, text, wholeNumber } from "./command.js";

const group = "Scenes (GeoTIFFs, local or http(s)):";
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
  window: { ...value, describe: "only these pixels: x,y,width,height" },
  bbox: { ...value, describe: "only these bounds: left,bottom,right,top in the scene's system, or that of --bbox-crs" },
  "bbox-crs": { ...value, describe: "EPSG code of --bbox, e.g. 4326 for degrees" },
  aoi: { ...value, describe: "GeoJSON file: only pixels inside its polygons" },
  "resample-to": { ...value, describe: "size of pixels to map at, in units of the scene's system" },
  "allow-private-hosts": { type: "boolean", group, describe: "read URLs of this machine and its network" },
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
    window: text(args, "window"),
    bbox: text(args, "bbox"),
    bboxCrs: wholeNumber(args, "bbox-crs"),
    aoi: text(args, "aoi"),
    resampleTo: positive(args, "resample-to"),
    allowPrivateHosts: args["allow-private-hosts"] === true,
    bands: bandsOf(text(args, "prob")),
    cacheFeatures: text(args, "cache-features"),
    restart: args.restart === true,
  };
}

function positive(args: Arguments, flag: string): number | undefined {
  const given = text(args, flag);
  if (given === undefined) return undefined;
  const number = Number(given);
  if (Number.isFinite(number) && number > 0) return number;
  throw new SegError(`--${flag} ${given}`, "is no positive number", `give a size, e.g. --${flag} 0.5`);
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
