/**
 * @file Features as GeoJSON text (RFC 7946) or one a line (GeoJSON text sequences without the record separator, as GDAL's .geojsonl), written as they come.
 * Coordinates in another system than WGS 84 get the `crs` member of the 2008 draft, which GDAL and QGIS read.
 */
import type { AtomicFile } from "../files.js";
import type { Feature, FeatureWriter, Field, Layer, PolygonRings } from "./feature.js";

const FLUSH = 2 ** 20;

/** A writer of a FeatureCollection. */
export function geoJsonWriter(file: Pick<AtomicFile, "write">, layer: Layer): FeatureWriter {
  const out = textOut(file);
  const epsg = layer.system?.epsg ?? 4326; // without a known one there is none to name
  const urn = `urn:ogc:def:crs:EPSG::${epsg}`;
  const system = epsg === 4326 ? [] : [`"crs":{"type":"name","properties":{"name":"${urn}"}}`];
  const members = ['"type":"FeatureCollection"', `"name":${JSON.stringify(layer.name)}`, ...system, '"features":[\n'];
  out.add(`{${members.join(",")}`);
  let count = 0;
  return {
    async write(feature) {
      if (count++ > 0) out.add(",\n");
      addFeature(out, layer, feature);
      await out.flush(FLUSH);
    },
    async end() {
      out.add("\n]}\n");
      await out.flush(0);
    },
  };
}

/** A writer of one feature a line. */
export function geoJsonLinesWriter(file: Pick<AtomicFile, "write">, layer: Layer): FeatureWriter {
  const out = textOut(file);
  return {
    async write(feature) {
      addFeature(out, layer, feature);
      out.add("\n");
      await out.flush(FLUSH);
    },
    end: () => out.flush(0),
  };
}

interface TextOut {
  add(text: string): void;
  /** Writes what is there if it is more than `most` characters. */
  flush(most: number): Promise<void>;
}

function textOut(file: Pick<AtomicFile, "write">): TextOut {
  let parts: string[] = [];
  let length = 0;
  return {
    add(text) {
      parts.push(text);
      length += text.length;
    },
    async flush(most) {
      if (length <= most) return;
      const texts = parts;
      parts = [];
      length = 0;
      for (const text of batches(texts)) await file.write(Buffer.from(text));
    },
  };
}

/** Texts joined to pieces of some megabytes: one string could not hold a region with millions of corners. */
function* batches(texts: readonly string[]): Generator<string> {
  let batch: string[] = [];
  let length = 0;
  for (const text of texts) {
    batch.push(text);
    length += text.length;
    if (length < 4 * FLUSH) continue;
    yield batch.join("");
    batch = [];
    length = 0;
  }
  yield batch.join("");
}

function addFeature(out: TextOut, { fields, decimals }: Layer, { values, polygons }: Feature): void {
  const properties = fields.map((field, i) => `${JSON.stringify(field.name)}:${valueText(field, values[i])}`);
  const type = polygons.length === 1 ? "Polygon" : "MultiPolygon";
  out.add(`{"type":"Feature","properties":{${properties.join(",")}},"geometry":{"type":"${type}","coordinates":`);
  if (polygons.length === 1) addPolygon(out, polygons[0], decimals);
  else addList(out, polygons, (polygon) => addPolygon(out, polygon, decimals));
  out.add("}}");
}

function valueText({ decimals }: Field, value: number | string | null): string {
  if (typeof value !== "number" || decimals === undefined || !Number.isFinite(value)) return JSON.stringify(value); // null
  return String(Number(value.toFixed(decimals)));
}

function addPolygon(out: TextOut, rings: PolygonRings, decimals: number | undefined): void {
  addList(out, rings, (ring) => out.add(ringText(ring, decimals)));
}

function addList<T>(out: TextOut, items: readonly T[], add: (item: T) => void): void {
  out.add("[");
  for (const [i, item] of items.entries()) {
    if (i > 0) out.add(",");
    add(item);
  }
  out.add("]");
}

/** A ring's positions, the first one again at the end. */
function ringText(ring: Float64Array, decimals: number | undefined): string {
  const unit = decimals === undefined ? undefined : 10 ** decimals;
  const number = (value: number) => (unit === undefined ? value : Math.round(value * unit) / unit);
  const positions: string[] = [];
  for (let i = 0; i < ring.length; i += 2) positions.push(`[${number(ring[i])},${number(ring[i + 1])}]`);
  positions.push(positions[0]);
  return `[${positions.join(",")}]`;
}
