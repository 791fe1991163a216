/**
 * @file What `predict()` does with a photo before and after the model: whether its output is there already, decoding, normalising; then classes,
 * overlay and files. It knows no model, so that a thread can do it beside one.
 */
import { IGNORE, type LabelMap, type Raster } from "./contract.js";
import { SegError } from "./errors.js";
import type { TensorData } from "./graph/tensor.js";
import { displayImage, placeBackClasses } from "./postprocess.js";
import { isComplete, keyOf, overlayOf } from "./predict-outputs.js";
import { type Placement, type Preprocessing, selectBands, toInput } from "./preprocess.js";
import { type Color, overlay, readPhoto, writeIndexedPng, writePng } from "./raster/index.js";

/** A photo and the class PNG it becomes. */
export interface PhotoJob {
  readonly input: string;
  readonly output: string;
}

/** What is the same for all photos of a call: plain data. */
export interface PhotoPlan {
  readonly preprocessing: Preprocessing;
  readonly colors: readonly Color[];
  /** Everything but the photo that an output's bytes depend on. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly force: boolean;
}

/** A photo ready for the model, or undefined where its output is complete; and what is remarkable about it. */
export interface OpenPhoto {
  readonly input: TensorData | undefined;
  readonly warnings: readonly string[];
}

/** Work on photos by number; a photo is opened before its logits are written. */
export interface PhotoWork {
  open(n: number, job: PhotoJob): Promise<OpenPhoto>;
  /** Writes the files of an open photo from logits [1, C, H, W], which are given away. */
  write(n: number, logits: TensorData): Promise<void>;
  close(): Promise<void>;
}

interface Opened extends PhotoJob {
  readonly image: Raster;
  readonly placement: Placement;
  readonly key: string;
}

/** The work done where it is called. */
export function photoWork(plan: PhotoPlan): PhotoWork {
  const opened = new Map<number, Opened>();
  return {
    async open(n, job) {
      const key = await keyOf(job.input, plan.parameters);
      const warnings: string[] = [];
      if (await isComplete(job.input, job.output, key, plan.force)) return { input: undefined, warnings };
      const image = await readPhoto(job.input, { warn: (line) => void warnings.push(line) });
      checkPixels(job.input, image.bands, "uint8", plan.preprocessing);
      const { input, placement } = toInput(selectBands(image, plan.preprocessing), plan.preprocessing);
      opened.set(n, { ...job, image, placement, key });
      return { input, warnings };
    },
    async write(n, logits) {
      const photo = opened.get(n) as Opened;
      opened.delete(n);
      await writePhoto(photo, logits, plan);
    },
    close: async () => opened.clear(),
  };
}

/** Refuses pixels the model cannot take: too few bands, or values of another kind than those it was trained on. */
export function checkPixels(file: string, bands: number, dtype: string, preprocessing: Preprocessing): void {
  const { stretch, bandNames, bands: read } = preprocessing;
  const most = Math.max(...read) + 1;
  if (bands < most) {
    const reason = `has ${bands} band(s), the model reads band ${most} (${bandNames.join(", ")})`;
    throw new SegError(file, reason, "give images with the model's bands, or name them with --bands");
  }
  if (dtype !== "uint8" && !stretch) {
    const reason = `holds ${dtype} samples, the model was trained on 8-bit photos`;
    throw new SegError(file, reason, "scale it as the training data were: gdal_translate -ot Byte -scale");
  }
  if (dtype === "uint8" && stretch && Math.min(...stretch.low) > 255) {
    const reason = `holds 8-bit samples, the model was trained on values from ${Math.min(...stretch.low)} up`;
    throw new SegError(file, reason, "give the data in the units the model was trained on");
  }
}

async function writePhoto(photo: Opened, logits: TensorData, { preprocessing, colors }: PhotoPlan): Promise<void> {
  const { image, placement, key, output } = photo;
  const labels = labelsOf(image, placement, logits);
  const picture = overlay(displayImage(image, preprocessing), labels, colors);
  await writePng(overlayOf(output), picture, key);
  await writeIndexedPng(output, labels, colors, key); // last: it says that both are there
}

function labelsOf({ valid, width, height }: Raster, placement: Placement, { data, shape }: TensorData): LabelMap {
  const classes = placeBackClasses(data as Float32Array, shape[1], placement, width, height);
  return { data: valid ? classes.map((value, i) => (valid[i] ? value : IGNORE)) : classes, width, height };
}
