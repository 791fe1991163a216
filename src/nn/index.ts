/** @file Layers on graph ops. */
export * from "./layers.js";
export { windowAttention } from "./window-attention.js";
