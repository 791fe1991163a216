/** @file The graph: traced tensors, every op as a function, reverse-mode gradients. */
export * from "./functions.js";
export { grad, recompute } from "./grad.js";
export type { DType, Shape, Tensor, TensorData } from "./tensor.js";
export { sizeOf } from "./tensor.js";
