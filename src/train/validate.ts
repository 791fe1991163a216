/** @file Scores a model on labelled samples at their own size, with exact pixel counts. */
import type { Sample } from "../contract.js";
import { addToConfusion, type Confusion, confusion } from "../metrics.js";
import type { Talk } from "../talk.js";
import { IGNORE, type LabelMap, type Raster } from "../contract.js";

/** What validation needs of a model: the class of every pixel of an image, from cached maps where there are some. */
export interface Scorer {
  classes(image: Raster, sample: Sample): Promise<Uint8Array>;
}

export interface ValidationItem {
  readonly sample: Sample;
  readonly image: Raster;
  readonly labels: LabelMap;
  readonly predicted: Uint8Array;
}

/** Sums the confusion matrix over samples; `see` gets every item (for overlays and reports). */
export async function validate(
  samples: readonly Sample[],
  classes: number,
  scorer: Scorer,
  talk: Talk,
  see: (item: ValidationItem) => void = () => {},
): Promise<Confusion> {
  const matrix = confusion(classes);
  const bar = talk.progress("validation", samples.length);
  try {
    for (const sample of samples) {
      const image = await sample.image();
      const labels = maskInvalid(await sample.labels(), image);
      const predicted = await scorer.classes(image, sample);
      addToConfusion(matrix, labels.data, predicted);
      see({ sample, image, labels, predicted });
      bar.add(1);
      await talk.breathe();
    }
  } finally {
    bar.end();
  }
  return matrix;
}

function maskInvalid(labels: LabelMap, { valid }: Raster): LabelMap {
  return valid ? { ...labels, data: labels.data.map((label, i) => (valid[i] ? label : IGNORE)) } : labels;
}
