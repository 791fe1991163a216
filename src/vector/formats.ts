/** @file The formats of vector files, by the ending of their names. */
import { SegError } from "../errors.js";
import type { AtomicFile } from "../files.js";
import type { FeatureWriter, Layer } from "./feature.js";
import { flatGeobufWriter } from "./flatgeobuf.js";
import { geoJsonLinesWriter, geoJsonWriter } from "./geojson-writer.js";
import { scratchNames, withScratchFile } from "./scratch.js";

/** A format: the system it is in unless asked otherwise, and how it is written. */
export interface Format {
  readonly crs: "native" | "EPSG:4326";
  /** Runs `use` with a writer of the file that becomes `path`, and ends it. */
  write(file: AtomicFile, layer: Layer, path: string, use: (writer: FeatureWriter) => Promise<void>): Promise<void>;
}

const asText = (create: (file: AtomicFile, layer: Layer) => FeatureWriter): Format => ({
  crs: "EPSG:4326",
  async write(file, layer, _, use) {
    const writer = create(file, layer);
    await use(writer);
    await writer.end();
  },
});

const flatGeobuf: Format = {
  crs: "native",
  write: (file, layer, path, use) =>
    withScratchFile(scratchNames(path).features, path, async (scratch) => {
      const writer = flatGeobufWriter(file, layer, scratch);
      await use(writer);
      await writer.end();
    }),
};

const FORMATS: Readonly<Record<string, Format>> = {
  ".geojson": asText(geoJsonWriter),
  ".geojsonl": asText(geoJsonLinesWriter),
  ".fgb": flatGeobuf,
};

/** The format of a file. SegError for an ending that has none. */
export function formatOf(path: string): Format {
  const ending = /\.[^./\\]*$/.exec(path)?.[0].toLowerCase() ?? "";
  const format = FORMATS[ending];
  if (format) return format;
  throw new SegError(`--out ${path}`, "has no ending of a vector file", `name it ${Object.keys(FORMATS).join(", ")}`);
}
