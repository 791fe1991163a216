/** @file Writes what lies beside a class map: class names for GDAL, a style for QGIS, a STAC Item, the run's summary. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { BandStatistics, CogSummary } from "../cog/index.js";
import { type ClassInfo, IGNORE } from "../contract.js";
import { systemOfGrid } from "../crs/index.js";
import { SegError } from "../errors.js";
import { writeFileAtomic } from "../files.js";
import { type Grid, isUrl } from "../raster/index.js";
import { categoriesXml } from "../raster/geotiff/gdal-xml.js";
import { bandNames, type ProbabilityBand } from "./bands.js";
import { probabilitiesOf, qmlOf, stacOf, summaryOf } from "./outputs.js";
import { type MapClass, qmlStyle, stacItem } from "./sidecars.js";
import type { SceneSummary } from "./summary.js";

/** What was made of a scene. */
export interface Made {
  readonly output: string;
  readonly classes: readonly ClassInfo[];
  readonly bands: readonly ProbabilityBand[];
  readonly grid: Grid;
  readonly classMap: CogSummary;
  readonly summary: SceneSummary;
}

/** Writes the files; `warn` hears of a system that cannot be brought to WGS 84. */
export async function writeBeside(made: Made, warn: (line: string) => void): Promise<void> {
  const { output, classes, summary } = made;
  const values = classes.map(
    ({ name, color }, value): MapClass => ({ name, color: [color[0], color[1], color[2]], value }),
  );
  await writeFileAtomic(`${output}.aux.xml`, categoriesXml(classes.map(({ name }) => name)));
  await writeFileAtomic(qmlOf(output), qmlStyle(values, IGNORE));
  const item = { ...stacOptions(made, values, warn), datetime: await timeOf(summary.input.path, output) };
  await writeFileAtomic(stacOf(output), `${JSON.stringify(stacItem(item), null, 2)}\n`);
  await writeFileAtomic(summaryOf(output), `${JSON.stringify(summary, null, 2)}\n`);
}

/** When the scene's file was last changed: the nearest thing to a date that a GeoTIFF has without fail; of a remote scene, when it was mapped. */
async function timeOf(input: string, output: string): Promise<string> {
  return (await stat(isUrl(input) ? output : input)).mtime.toISOString();
}

function stacOptions(
  { output, grid, bands, classes, classMap, summary }: Made,
  values: MapClass[],
  warn: (line: string) => void,
) {
  const band = (name: string, more: object) => ({ name, dataType: "uint8", nodata: IGNORE, ...more });
  const statistics: BandStatistics | undefined = classMap.statistics?.[0];
  const map = {
    href: `./${basename(output)}`,
    title: "classes",
    bands: [band("class", { classes: values, statistics })],
  };
  const names = bandNames(
    bands,
    classes.map(({ name }) => name),
  );
  const path = `./${basename(probabilitiesOf(output))}`;
  const shares = { href: path, title: "probabilities", bands: names.map((name) => band(name, {})) };
  const id = basename(output).replace(/\.tiff?$/i, "");
  return {
    id,
    grid,
    system: systemFor(grid, output, warn),
    software: summary.software,
    assets: { map, ...(names.length && { probabilities: shares }) },
  };
}

function systemFor(grid: Grid, output: string, warn: (line: string) => void) {
  try {
    return systemOfGrid(grid, output);
  } catch (error) {
    if (!(error instanceof SegError)) throw error;
    warn(`the STAC item of ${output} has no outline: ${error.reason}`);
    return undefined;
  }
}
