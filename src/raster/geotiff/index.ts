/** @file GeoTIFF in and out. */
export {
  GEO_TAGS,
  type GeoTag,
  type Grid,
  makeGrid,
  requirePlace,
  type ToPixel,
  type Transform,
} from "./georeference.js";
export type { ReadStats } from "./block-cache.js";
export { allocate, type SampleType } from "./layout.js";
export { type Move, moveGrid } from "./move-grid.js";
export { type GeoRaster, type OpenOptions, openGeoTiff } from "./read.js";
export { type GeoTiffOptions, type RowWriter, writeGeoTiff } from "./write.js";
