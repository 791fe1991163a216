/** @file Optimizers, schedules, clipping and averaged weights. */
export { clipFactor, ema } from "./gradients.js";
export { type Optimizer, optimizers, type StepSettings } from "./optimizers.js";
export { type Schedule, schedule } from "./schedules.js";
