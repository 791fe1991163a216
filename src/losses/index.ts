/** @file The losses that ship: one line a family. */
export { lovasz } from "./lovasz.js";
export { pixel } from "./pixel.js";
export { region } from "./region.js";
