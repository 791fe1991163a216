/** @file `seg vectorize`: class maps as polygons. */
import { EXIT, SegError } from "../../errors.js";
import type { Talk } from "../../talk.js";
import { type Vectorized, type VectorizeOptions, vectorize } from "../../vector/index.js";
import { type Arguments, defineCommand, required, text } from "../command.js";
import { jsonFlag } from "../options.js";
import { print, table } from "../output.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

export const command = defineCommand(
  {
    out: { type: "string", describe: "FILE.geojson, FILE.geojsonl or FILE.fgb", requiresArg: true },
    classes: {
      type: "string",
      describe: "classes to write, numbers or names: 1,water (default: all)",
      requiresArg: true,
    },
    "min-area": {
      type: "string",
      describe: "smaller regions join the neighbour with the longest border: 20 (pixels) or 500m2",
      requiresArg: true,
    },
    simplify: {
      type: "string",
      describe: "drop details below so many pixels from outlines, for all neighbours alike [default: 0]",
      requiresArg: true,
    },
    crs: {
      type: "string",
      describe: "coordinates: EPSG:4326 (default for GeoJSON) or native (default for FlatGeobuf)",
      requiresArg: true,
    },
    "src-crs": { type: "string", describe: "EPSG:N of the map, instead of what it says itself", requiresArg: true },
    layer: { type: "string", describe: "name of the layer (default: the output's)", requiresArg: true },
    confidence: {
      type: "string",
      describe: "raster with the map's confidence (default: NAME.prob.tif beside NAME.tif, if there is one)",
      requiresArg: true,
    },
    force: { type: "boolean", describe: "replace a file that is there" },
    json: jsonFlag,
  },
  (args) => withSignals((signal) => runVectorize(args, terminalTalk(signal))),
  (y) =>
    y
      .positional("map", { describe: "GeoTIFF of one band of class numbers", type: "string" })
      .example("seg vectorize map.tif --out map.geojson --min-area 20 --simplify 2", "polygons in WGS 84")
      .example("seg vectorize map.tif --out map.fgb --classes building", "one class in the map's own system"),
);

async function runVectorize(args: Arguments, talk: Talk): Promise<number> {
  const result = await vectorize(String(args.map), optionsOf(args), talk);
  print(args.json, result, () => show(result));
  return EXIT.ok;
}

function optionsOf(args: Arguments): VectorizeOptions {
  return {
    out: required(args, "out"),
    classes: wordsOf(text(args, "classes")),
    minArea: minAreaOf(text(args, "min-area")),
    simplify: tolerance(text(args, "simplify")),
    crs: text(args, "crs"),
    sourceEpsg: epsgOf(text(args, "src-crs")),
    layer: text(args, "layer"),
    confidence: text(args, "confidence"),
    force: args.force === true,
  };
}

function wordsOf(given: string | undefined): string[] | undefined {
  const words = given?.split(",").map((word) => word.trim());
  if (!words?.includes("")) return words;
  throw new SegError(`--classes ${given}`, "has an empty word", "write it like --classes 1,water");
}

function minAreaOf(given: string | undefined): VectorizeOptions["minArea"] {
  if (given === undefined) return undefined;
  const [, value, unit] = /^(\d+(?:\.\d+)?)\s*(m2|px|pixels)?$/.exec(given) ?? [];
  if (value === undefined)
    throw new SegError(`--min-area ${given}`, "is no area", "write it like 20 (pixels) or 500m2");
  return { value: Number(value), unit: unit === "m2" ? "m2" : "pixels" };
}

function tolerance(given: string | undefined): number | undefined {
  const value = Number(given ?? 0);
  if (given?.trim() !== "" && value >= 0 && value <= 1000) return value;
  throw new SegError(`--simplify ${given}`, "is no number of pixels from 0 to 1000", "write it like --simplify 2");
}

function epsgOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const code = /^(?:epsg:)?(\d{4,5})$/i.exec(given)?.[1];
  if (code === undefined) throw new SegError(`--src-crs ${given}`, "is no EPSG code", "write it like EPSG:32633");
  return Number(code);
}

function show({ path, features, classes }: Vectorized): void {
  table(
    ["class", "name", "polygons"],
    classes.map(({ id, name, features: count }) => [String(id), name ?? "", String(count)]),
  );
  console.log(`${path}: ${features} polygons`);
}
