/**
 * @file Writes what a reference needs to repeat one of our trainings: recipe.json, initial.safetensors and every batch
 * (step-NNNN.safetensors with `image` [B, 3, H, W] float32, normalised, and `labels` [B, H, W] float32).
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseTrainConfig, type TrainOptions } from "../../src/config.js";
import { batcher } from "../../src/data/batch.js";
import { draws } from "../../src/data/order.js";
import { planRun } from "../../src/train/index.js";
import { initialWeights } from "../../src/train/weights.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";

/** Dumps a run of free input size; `threads` is what the reference is to use. */
export async function dumpRun(options: TrainOptions, folder: string, threads: number): Promise<void> {
  const plan = await planRun(parseTrainConfig(options));
  const { config, preprocessing, cropSize: size, train, steps } = plan;
  await mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, "initial.safetensors"), await initialWeights(plan), {});
  const makeBatch = batcher({ samples: train, preprocessing, preset: config.augment, size, seed: config.seed });
  for (let step = 0; step < steps; step++) {
    const { image, labels } = await makeBatch(
      draws(train.length, config.seed, step * config.batchSize, config.batchSize),
    );
    const asFloats = { data: Float32Array.from(labels.data), shape: labels.shape };
    const file = join(folder, `step-${String(step).padStart(4, "0")}.safetensors`);
    await writeSafetensors(
      file,
      new Map([
        ["image", image],
        ["labels", asFloats],
      ]),
      {},
    );
  }
  const { mean, std } = preprocessing;
  const recipe = {
    threads,
    steps,
    classes: plan.model.spec.classes,
    lr: config.lr,
    weightDecay: config.weightDecay,
    mean,
    std,
  };
  await writeFile(join(folder, "recipe.json"), JSON.stringify(recipe));
}
