/** @file Looking at datasets: what is in them, and whether splits share images. */
export { type Inspection, inspectDataset, writeContactSheet } from "./inspect.js";
export { leaks } from "./leak.js";
