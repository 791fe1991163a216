/** @file GeoTIFF in and out. */
export type { GeoTag, RowWriter } from "../../cog/index.js";
export type { ReadStats } from "./block-cache.js";
export { GEO_TAGS, type Grid, makeGrid, requirePlace, type ToPixel, type Transform } from "./georeference.js";
export { allocate, type SampleType } from "./layout.js";
export { type Move, moveGrid } from "./move-grid.js";
export { type GeoRaster, type OpenOptions, openGeoTiff } from "./read.js";
export { isDamage } from "./source.js";
export { type GeoTiffOptions, writeGeoTiff } from "./write.js";
