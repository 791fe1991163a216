/** @file Every dataset family: one line each. */
export { camvid } from "./camvid.js";
export { csv } from "./csv.js";
export { folder } from "./folder.js";
export { geotiff } from "./geotiff.js";
