/**
 * @file Scores from exact integer confusion matrices (doubles count exactly up to 2^53 pixels). Convention: over the whole data set; a class that
 * is in neither labels nor predictions is left out of means, and how many were is reported.
 */
import { IGNORE } from "./contract.js";

/** Rows: label, columns: prediction; pixels. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Float64Array;
  /** Pixels whose label is ignored. */
  ignored: number;
}

export const CONVENTION =
  "dataset-level IoU from summed pixel counts; classes absent from labels and predictions left out";

export function confusion(classes: number): Confusion {
  return { classes, counts: new Float64Array(classes * classes), ignored: 0 };
}

/** Adds one image: class indices of equal length, labels may be IGNORE. Predictions beyond the classes are a fault of ours. */
export function addToConfusion(matrix: Confusion, labels: ArrayLike<number>, predictions: ArrayLike<number>): void {
  const { classes, counts } = matrix;
  if (labels.length !== predictions.length) throw new Error("internal: labels and predictions differ in size");
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === IGNORE) matrix.ignored++;
    else counts[labels[i] * classes + predictions[i]]++;
  }
}

export interface Scores {
  /** Per class; null where the class is in neither labels nor predictions. */
  readonly iou: (number | null)[];
  readonly precision: (number | null)[];
  readonly recall: (number | null)[];
  readonly f1: (number | null)[];
  /** Mean over the classes that are not null; null when none is. */
  readonly mIoU: number | null;
  readonly meanF1: number | null;
  readonly pixelAccuracy: number | null;
  /** Share of the pixels that the most frequent label covers. */
  readonly majorityShare: number | null;
  /** mIoU of predicting the most frequent label everywhere, over the classes in the labels. */
  readonly majorityMIoU: number | null;
  readonly absentClasses: number;
}

/** Scores of a confusion matrix. */
export function scoresOf({ classes, counts }: Confusion): Scores {
  const range = Array.from({ length: classes }, (_, c) => c);
  const at = (label: number, prediction: number) => counts[label * classes + prediction];
  const truth = range.map((c) => range.reduce((sum, k) => sum + at(c, k), 0));
  const predicted = range.map((c) => range.reduce((sum, k) => sum + at(k, c), 0));
  const right = range.map((c) => at(c, c));
  const total = truth.reduce((sum, count) => sum + count, 0);
  const iou = range.map((c) => ratio(right[c], truth[c] + predicted[c] - right[c]));
  const f1 = range.map((c) => ratio(2 * right[c], truth[c] + predicted[c]));
  const most = Math.max(...truth);
  const shown = iou.filter((value) => value !== null).length;
  return {
    iou,
    precision: range.map((c) => ratio(right[c], predicted[c])),
    recall: range.map((c) => ratio(right[c], truth[c])),
    f1,
    mIoU: meanOf(iou),
    meanF1: meanOf(f1),
    pixelAccuracy: ratio(
      right.reduce((sum, count) => sum + count, 0),
      total,
    ),
    majorityShare: ratio(most, total),
    majorityMIoU: total > 0 ? most / total / truth.filter((count) => count > 0).length : null,
    absentClasses: classes - shown,
  };
}

const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

function meanOf(values: readonly (number | null)[]): number | null {
  const kept = values.filter((value) => value !== null);
  return kept.length ? kept.reduce((sum, value) => sum + value, 0) / kept.length : null;
}

/** The matrix as rows, for JSON. */
export function confusionRows({ classes, counts }: Confusion): number[][] {
  return Array.from({ length: classes }, (_, c) => [...counts.subarray(c * classes, (c + 1) * classes)]);
}
