/** @file Cloud Optimized GeoTIFFs written in a stream: from pixels in any order, in bounded memory, resumable. See docs/cog.md. */
export type { CogSummary } from "./assemble.js";
export type { SpoolCommit } from "./commits.js";
export { escapeXml } from "./gdal-metadata.js";
export type { BandItems, CogOptions, GeoTag } from "./options.js";
export type { Samples, SampleType } from "./samples.js";
export { type CogSpool, openCogSpool } from "./spool.js";
export type { BandStatistics } from "./statistics.js";
export { type RowWriter, writeCog } from "./write-cog.js";
