/** @file Images and GeoTIFFs in and out, windows, exact resizing, statistics and pictures. */
export { areOfTwoRuns, classNames, probabilitiesOf } from "./class-map.js";
export * from "./geotiff/index.js";
export { colorize, defaultPalette, overlay, toDisplay } from "./overlay.js";
export { MAX_PIXELS, type PhotoOptions, readIndexed, readPhoto, warnOfRotation } from "./photo.js";
export { type ByteImage, type Color, encodeIndexedPng, encodePng, writeIndexedPng, writePng } from "./png.js";
export type { IndexedImage } from "./png-decode.js";
export { fileNameOf, isUrl, type RemoteOptions, type RemoteTraffic } from "./remote/index.js";
export { resampleRaster } from "./resample.js";
export { resizeBilinear, resizeNearest, samSize } from "./resize.js";
export { collectStatistics, type StatisticsCollector, stretch } from "./stats.js";
export { cropRaster, maskRaster, type WindowMask } from "./view.js";
export * from "./windows.js";
