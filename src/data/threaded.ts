/** @file Training batches made in a thread beside the model: the same bytes as `batcher` makes. */
import type { Sample } from "../contract.js";
import { type PhotoRecipe, PhotoSample } from "../dataset/photo-sample.js";
import { startThread } from "../helper-thread.js";
import type { Batch, BatchOptions } from "./batch.js";
import type { Draw } from "./order.js";

/** What the thread is started with. */
export interface BatchThreadPlan extends Omit<BatchOptions, "samples"> {
  readonly recipes: readonly PhotoRecipe[];
}

/** A batch, and what was remarkable about the files that were read for it. */
export interface ThreadBatch {
  readonly batch: Batch;
  readonly warnings: readonly string[];
}

export interface ThreadedBatcher {
  make(draws: readonly Draw[]): Promise<Batch>;
  close(): Promise<void>;
}

/** Whether a thread can read the samples: they are photos with mask files. */
export const areThreadable = (samples: readonly Sample[]): samples is readonly PhotoSample[] =>
  samples.every((sample) => sample instanceof PhotoSample);

/** `batcher` in a thread of its own. Its first batch waits for the thread to start (a tenth of a second). */
export function threadedBatcher(
  options: Omit<BatchOptions, "samples"> & { readonly samples: readonly PhotoSample[] },
): ThreadedBatcher {
  const { samples, ...rest } = options;
  const plan: BatchThreadPlan = { ...rest, recipes: samples.map(({ recipe }) => recipe) };
  const thread = startThread<readonly Draw[], ThreadBatch>(import.meta.url, "batch-thread", plan);
  return {
    async make(draws) {
      const { batch, warnings } = await thread.ask(draws);
      for (const line of warnings) samples[0].warn(line);
      return batch;
    },
    close: thread.close,
  };
}
