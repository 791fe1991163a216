/** @file Every encoder family: one line each. */
export { resnet } from "./resnet.js";
export { samVit } from "./sam-vit.js";
