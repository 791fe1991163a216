/** @file summary.json: the final figures of a run, with what they mean. */

export interface RunSummary {
  readonly software: string;
  readonly encoder: string;
  readonly decoder: string;
  readonly tune: string;
  readonly seed: number;
  /** Of a run on maps of an int8 encoder: weights whose layers stayed in float32, and the cosine to float32 maps. */
  readonly int8?: { readonly kept: readonly string[]; readonly cosine: number };
  readonly steps: number;
  /** Step of the checkpoint the figures belong to. */
  readonly bestStep: number;
  /** Mean IoU over classes present in labels or predictions; null without a validation split. */
  readonly mIoU: number | null;
  readonly convention: string;
  readonly classes: readonly string[];
  readonly iou: readonly (number | null)[];
  /** Rows: label, columns: prediction; pixels. */
  readonly confusion: readonly (readonly number[])[];
  readonly parameters: number;
  readonly trainedParameters: number;
  /** Floating-point operations of one forward pass of one image. */
  readonly flops: number;
  readonly secondsPerStep: number;
  readonly totalSeconds: number;
  readonly peakBytes: number;
}
