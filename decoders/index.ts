/** @file Every decoder family: one line each. */
export { fpn } from "./fpn.js";
export { unet } from "./unet.js";
