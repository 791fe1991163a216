/** @file The body of the thread that makes training batches of photos (data/threaded.ts): decodes, augments, normalises, stacks. */
import { workerData } from "node:worker_threads";
import { PhotoSample } from "../dataset/photo-sample.js";
import { answerAsks } from "../helper-thread.js";
import { batcher } from "./batch.js";
import type { Draw } from "./order.js";
import type { BatchThreadPlan, ThreadBatch } from "./threaded.js";

const { recipes, ...options } = workerData as BatchThreadPlan;
let warnings: string[] = [];
const samples = recipes.map((recipe) => new PhotoSample(recipe, (line) => void warnings.push(line)));
const make = batcher({ ...options, samples });

answerAsks<readonly Draw[], ThreadBatch>(async (draws) => {
  const batch = await make(draws);
  const told = warnings;
  warnings = [];
  const transfer = [batch.image.data.buffer, batch.labels.data.buffer] as ArrayBuffer[];
  return { answer: { batch, warnings: told }, transfer };
});
