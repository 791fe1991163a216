/**
 * @file The library: everything the command line does, as typed functions. Images are interleaved [H, W, bands] in their own data type, tensors
 * [B, C, H, W] float32, labels one byte a pixel with 255 (IGNORE) for pixels that do not count. What a caller can mend rejects with SegError:
 * what is at fault, what is wrong, what to do. Long functions take `onEvent` and an AbortSignal. docs/library.md shows them at work.
 */

// ---- models
export {
  createModel,
  type CreateModelOptions,
  type ImagePrediction,
  loadModel,
  type SegmentationModel,
} from "./library/model.js";
export type { ModelOptions, OpenModel } from "./open-model.js";
export type { ModelCard } from "./run/card.js";
export { countParameters, defineModel, type Model, type ModelSpec } from "./model.js";
export { exportOnnx as exportModel, type Exported, type ExportOptions } from "./export.js";

// ---- work
export { embed, evaluate, type FineTuneOptions, predict, train, vectorize } from "./library/calls.js";
export { parseTrainConfig, type TrainConfig, type TrainOptions } from "./config.js";
export { planRun, type RunPlan } from "./train/plan.js";
export { predictMemory, type RunMemory } from "./train/memory.js";
export { createEmbedder, type Embedder, type EmbedOptions } from "./embed.js";
export type { Evaluation, EvaluateOptions } from "./evaluate.js";
export type { Prediction, PredictOptions } from "./predict.js";
export { type SceneProgress, sceneProgress } from "./scene/state.js";
export type { SceneSummary } from "./scene/summary.js";
export type { Vectorized, VectorizeOptions } from "./vector/index.js";
export type { RunSummary } from "./run/summary.js";
export {
  type Experiment,
  type ExperimentOptions,
  type Grid,
  grid,
  runExperiment,
} from "./experiment.js";
export type { Row as ExperimentRow } from "./experiment-table.js";
export { type LongCall, type MetricsEvent, Stopped, type TalkEvent } from "./talk.js";

// ---- data
export { openDataset } from "./train/plan.js";
export { type Inspection, inspectDataset, leaks, writeContactSheet } from "./dataset/index.js";
export {
  type GeoRaster,
  openGeoTiff,
  overlay,
  readPhoto,
  writeGeoTiff,
  writeIndexedPng,
  writePng,
} from "./raster/index.js";
export type { Scores } from "./postprocess.js";

// ---- weights
export { loadWeights } from "./library/weights.js";
export { pullWeights } from "./library/calls.js";
export { importWeights, listWeights, type StoredWeights, type Verified, verifyWeights } from "./weights/store.js";
export { openSafetensors, writeSafetensors } from "./weights/safetensors.js";
export { openWeights } from "./weights/open.js";
export type { StateDict, WeightFile } from "./weights/state.js";

// ---- parts: the registries, and what a part outside this package is written with
export { datasets, decoders, encoders, losses } from "./catalog.js";
export type { Registry } from "./registry.js";
export { type Pyramid, type PyramidName, pyramids } from "./pyramids.js";
export * from "./contract.js";
export * as g from "./graph/index.js";
export * as nn from "./nn/index.js";
export type { DType, Shape, Tensor, TensorData } from "./graph/tensor.js";
export { initialise, recordScope } from "./scope.js";
export {
  type CompileOptions,
  createEngine,
  type Engine,
  type EngineOptions,
  type Graph,
  type Program,
} from "./engine/index.js";

// ---- errors and version
export { errorLine, EXIT, SegError } from "./errors.js";
export { version } from "./version.js";
