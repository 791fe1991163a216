/** @file What memory a predictor will take at most for images of a size. */
import type { Raster } from "./contract.js";
import { BASE_BYTES, bytesOfState, heldBy } from "./engine/predicted.js";
import { sizeOf } from "./graph/tensor.js";
import { type Kind, type PredictorPlan, programOf } from "./predictor.js";
import { placementOf } from "./preprocess.js";

/** Results of images before that V8 has not collected yet: it begins once so much was allocated (kExternalAllocationSoftLimit, v8-internal.h). */
const UNCOLLECTED = 64 * 2 ** 20;

/** Bytes of the process that runs images of this size, one after the other; undefined where the engine cannot tell. */
export function predictImageMemory(
  { engine, model, preprocessing, constants, once }: PredictorPlan,
  kind: Kind,
  { width, height, data }: Pick<Raster, "width" | "height" | "data">,
): number | undefined {
  if (!engine.predictMemory) return undefined;
  const { paddedWidth, paddedHeight } = placementOf(width, height, preprocessing);
  const { graph, options } = programOf({ model, constants }, kind, paddedHeight, paddedWidth);
  const program = engine.predictMemory(graph, options);
  const channels = graph.outputs.logits?.shape[1] ?? 0;
  const placed = 4 * channels * sizeOf([height, width]); // scores on the image's own grid
  const last = program.results + placed; // of the image before, until they are collected
  const isLetGo = once && model.encoder.input.size !== undefined;
  const fixed = BASE_BYTES + (isLetGo ? 0 : bytesOfState(constants));
  return fixed + data.byteLength + program.feeds + heldBy([program]) + last + placed + UNCOLLECTED;
}
