/** @file What a scene's prediction is written as: options of the class map and the map of probabilities. */
import type { CogOptions } from "../cog/index.js";
import { type ClassInfo, IGNORE } from "../contract.js";
import { type Grid, probabilitiesOf } from "../raster/index.js";
import { software } from "../version.js";
import { bandNames, FULL, type ProbabilityBand } from "./bands.js";

export { probabilitiesOf };

/** What stands in the metadata of an output beside its classes. */
export interface Origin {
  /** What the output was made from and with: `keyOf`. */
  readonly key: string;
  /** SHA-256 of the model's weights. */
  readonly model: string;
  /** How windows were joined, in words. */
  readonly blend: string;
}

const stemOf = (output: string) => output.replace(/\.tiff?$/i, "");

/** The QGIS style of a class map: QGIS looks for this name. */
export const qmlOf = (output: string): string => `${stemOf(output)}.qml`;
/** The STAC Item of a class map. */
export const stacOf = (output: string): string => `${stemOf(output)}.stac.json`;
/** The summary of the run that made a class map. */
export const summaryOf = (output: string): string => `${output}.summary.json`;

/** Files written beside a class map, some of them where asked for. */
export const besideMap = (output: string): string[] => [
  `${output}.aux.xml`,
  `${output}.work`,
  ...[summaryOf, probabilitiesOf, qmlOf, stacOf].map((name) => name(output)),
];

/** Classes as bytes with their colours and names; 255 is no data. */
export function classMapOptions(
  { width, height, tags }: Grid,
  classes: readonly ClassInfo[],
  origin: Origin,
): CogOptions {
  return {
    ...{ width, height, bands: 1, dtype: "uint8", nodata: IGNORE, overviews: "mode", statistics: true },
    colors: new Map(classes.map(({ color }, i) => [i, [color[0], color[1], color[2]] as const])),
    metadata: { ...Object.fromEntries(classes.map(({ name }, i) => [`CLASS_${i}`, name])), ...itemsOf(origin) },
    bandItems: [{ description: "class" }],
    geoTags: tags,
  };
}

/** Sides of blocks, the one that is wanted first. */
const BLOCK_SIDES = [256, 128, 64, 32];
/** Bytes that a row of blocks may take while it is made: it lies in memory. */
const OPEN_BYTES = 2 ** 28;

/** Bands of 0..254 for 0..1; 255 is no data. */
export function probabilityMapOptions(
  { width, height, tags }: Grid,
  classes: readonly ClassInfo[],
  bands: readonly ProbabilityBand[],
  origin: Origin,
): CogOptions {
  const names = bandNames(
    bands,
    classes.map(({ name }) => name),
  );
  return {
    ...{ width, height, bands: names.length, dtype: "uint8", nodata: IGNORE, predictor: 2, overviews: "mean" },
    blockSize:
      BLOCK_SIDES.find((side) => side * width * names.length <= OPEN_BYTES) ?? BLOCK_SIDES[BLOCK_SIDES.length - 1],
    ...{ statistics: true, photometric: "minisblack", metadata: itemsOf(origin), geoTags: tags },
    bandItems: names.map((description) => ({ description, scale: 1 / FULL, offset: 0 })),
  };
}

const itemsOf = ({ key, model, blend }: Origin) => ({ SOFTWARE: software, MODEL: model, BLEND: blend, KEY: key });
