/**
 * @file What lies beside a map so that other programs show and find it: a style for QGIS and a STAC Item. Pure: text and values only.
 * Source: QGIS, src/core/raster/qgspalettedrasterrenderer.cpp (elements it reads); STAC 1.1.0 (https://stacspec.org), its extensions projection 2.0,
 * processing 1.2 and classification 2.0.
 */
import { type BandStatistics, escapeXml } from "../cog/index.js";
import type { ReferenceSystem } from "../crs/index.js";
import type { Color, Grid, Transform } from "../raster/index.js";
import { type Footprint, footprintOf } from "./footprint.js";

/** A class of a map. */
export interface MapClass {
  readonly name: string;
  readonly color: Color;
  /** Of its pixels. */
  readonly value: number;
}

/** A QML style that paints each class in its colour, with its name in the legend; nodata and other values stay clear, as QGIS does of itself. */
export function qmlStyle(classes: readonly MapClass[], nodata: number | undefined): string {
  const entries = classes
    .filter(({ value }) => value !== nodata)
    .map(({ name, color, value }) => {
      const label = escapeXml(name);
      return `        <paletteEntry value="${value}" color="#${hexOf(color)}" alpha="255" label="${label}"/>\n`;
    });
  return `<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.0.0" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1">
      <rasterTransparency/>
      <colorPalette>
${entries.join("")}      </colorPalette>
    </rasterrenderer>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
`;
}

const hexOf = (color: Color): string => color.map((part) => part.toString(16).padStart(2, "0")).join("");

/** One band of an asset. */
export interface StacBand {
  readonly name: string;
  readonly description?: string;
  readonly dataType: string;
  readonly nodata?: number;
  readonly statistics?: BandStatistics;
  readonly classes?: readonly MapClass[];
}

/** A file of the item. */
export interface StacAsset {
  /** Relative to the item. */
  readonly href: string;
  readonly title?: string;
  /** Media type; default that of a COG. */
  readonly type?: string;
  readonly roles?: readonly string[];
  readonly bands?: readonly StacBand[];
}

/** What an item is made of. */
export interface StacOptions {
  readonly id: string;
  /** When the scene was taken, RFC 3339 in UTC: STAC wants one, and a clock would make every run another file. */
  readonly datetime: string;
  readonly grid: Grid;
  /** System of the grid; undefined where it states none that is known. */
  readonly system?: ReferenceSystem;
  readonly assets: Readonly<Record<string, StacAsset>>;
  readonly software: string;
}

const COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized";
const PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json";
const PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json";
const CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json";

/** A STAC 1.1 Item: JSON as an object. Without a place that can be brought to WGS 84, `geometry` is null and there is no `bbox`. */
export function stacItem(options: StacOptions): Record<string, unknown> {
  const { id, datetime, grid, system, assets, software } = options;
  const footprint = footprintOf(grid, system, id);
  const hasClasses = Object.values(assets).some(({ bands }) => bands?.some(({ classes }) => classes !== undefined));
  return {
    type: "Feature",
    stac_version: "1.1.0",
    stac_extensions: [PROJECTION, PROCESSING, ...(hasClasses ? [CLASSIFICATION] : [])],
    id,
    ...placeFields(footprint),
    properties: { datetime, ...projectionFields(grid, system), "processing:software": softwareField(software) },
    links: [],
    assets: Object.fromEntries(Object.entries(assets).map(([key, asset]) => [key, assetField(asset)])),
  };
}

const placeFields = (footprint: Footprint | undefined) =>
  footprint ? { bbox: footprint.bbox, geometry: footprint.geometry } : { geometry: null };

/** Name and version, as in "sam-seg 0.1.0". */
function softwareField(software: string): Record<string, string> {
  const [name, version = ""] = software.split(" ");
  return { [name]: version };
}

function projectionFields({ width, height, transform }: Grid, system: ReferenceSystem | undefined) {
  return {
    "proj:code": system?.epsg === undefined ? null : `EPSG:${system.epsg}`,
    "proj:shape": [height, width],
    ...(transform && {
      "proj:transform": [transform[1], transform[2], transform[0], transform[4], transform[5], transform[3]],
      "proj:bbox": projectedBox(transform, width, height),
    }),
  };
}

function projectedBox([x, a, b, y, d, e]: Transform, width: number, height: number): number[] {
  const xs = [0, a * width, b * height, a * width + b * height].map((shift) => x + shift);
  const ys = [0, d * width, e * height, d * width + e * height].map((shift) => y + shift);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function assetField({ href, title, type, roles, bands }: StacAsset): Record<string, unknown> {
  return {
    href,
    ...(title !== undefined && { title }),
    type: type ?? COG_TYPE,
    roles: roles ?? ["data"],
    ...(bands && { bands: bands.map(bandField) }),
  };
}

function bandField({ name, description, dataType, nodata, statistics, classes }: StacBand): Record<string, unknown> {
  return {
    name,
    ...(description !== undefined && { description }),
    data_type: dataType,
    ...(nodata !== undefined && { nodata: Number.isFinite(nodata) ? nodata : nodataName(nodata) }),
    ...(statistics && { statistics: statisticsField(statistics) }),
    ...(classes && { "classification:classes": classes.map(classField) }),
  };
}

/** JSON has no numbers for these. */
const nodataName = (nodata: number) => (Number.isNaN(nodata) ? "nan" : nodata < 0 ? "-inf" : "inf");

const statisticsField = ({ minimum, maximum, mean, standardDeviation, validPercent }: BandStatistics) => ({
  ...{ minimum, maximum, mean, stddev: standardDeviation, valid_percent: validPercent },
});

const classField = ({ name, color, value }: MapClass) => ({
  value,
  name: identifierOf(name, value),
  title: name,
  color_hint: hexOf(color).toUpperCase(),
});

/** Of the letters the extension allows; a name without any becomes its value's. */
function identifierOf(name: string, value: number): string {
  const letters = name.replace(/[^0-9A-Za-z_-]+/g, "_");
  return /[0-9A-Za-z]/.test(letters) ? letters : `class_${value}`;
}
