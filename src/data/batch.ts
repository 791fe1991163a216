/** @file Batches for a training step: decode, choose bands, augment, normalise, stack. */
import { IGNORE, type Sample } from "../contract.js";
import { SegError } from "../errors.js";
import type { TensorData } from "../graph/tensor.js";
import { type Preprocessing, selectBands, toInput, toLabels } from "../preprocess.js";
import { type AugmentPreset, augment, augmentStream } from "./augment.js";
import { type Decoded, remember } from "./memory.js";
import type { Draw } from "./order.js";

/** What a step is fed: images [B, bands, H, W], labels int32 [B, H, W], and whose they are. */
export interface Batch {
  readonly image: TensorData;
  readonly labels: TensorData;
  readonly ids: readonly string[];
}

export interface BatchOptions {
  readonly samples: readonly Sample[];
  readonly preprocessing: Preprocessing;
  readonly preset: AugmentPreset;
  /** Side of crops; undefined for encoders of fixed input size without a crop. */
  readonly size?: number;
  readonly seed: number;
  /** Bytes of decoded samples kept in memory. */
  readonly memory?: number;
}

/** Makes batches from draws; the same draws make the same bytes. */
export function batcher(options: BatchOptions): (draws: readonly Draw[]) => Promise<Batch> {
  const { preprocessing, preset, size, seed, samples } = options;
  const decode = remember((index) => decodeSample(samples[index], preprocessing), options.memory);
  return async (draws) => {
    const parts: { image: TensorData; labels: Int32Array }[] = [];
    for (const { index, epoch } of draws) {
      const { image, labels } = await decode(index);
      const random = augmentStream(seed, epoch, index);
      const out = augment(image, labels, { preset, size, fill: preprocessing.mean }, random);
      const { input, placement } = toInput(out.image, preprocessing);
      parts.push({ image: input, labels: toLabels(out.labels, placement) });
    }
    return stack(
      parts,
      draws.map(({ index }) => samples[index].id),
    );
  };
}

/** Reads one sample with its bands chosen; nodata pixels are ignored. */
export async function decodeSample(sample: Sample, preprocessing: Preprocessing): Promise<Decoded> {
  const raster = await sample.image();
  const labels = await sample.labels();
  if (labels.width !== raster.width || labels.height !== raster.height) {
    const sizes = `its labels are ${labels.width} x ${labels.height}, the image ${raster.width} x ${raster.height}`;
    throw new SegError(sample.file, sizes, "labels must be on the image's grid");
  }
  const { valid } = raster;
  const data = valid ? labels.data.map((label, i) => (valid[i] ? label : IGNORE)) : labels.data;
  const { data: values, width, height, bands } = selectBands(raster, preprocessing);
  return { image: { data: values, width, height, bands }, labels: { ...labels, data } };
}

function stack(parts: readonly { image: TensorData; labels: Int32Array }[], ids: readonly string[]): Batch {
  const [, bands, H, W] = parts[0].image.shape;
  const image = new Float32Array(parts.length * bands * H * W);
  const labels = new Int32Array(parts.length * H * W);
  parts.forEach((part, i) => {
    image.set(part.image.data, i * bands * H * W);
    labels.set(part.labels, i * H * W);
  });
  const B = parts.length;
  return { image: { data: image, shape: [B, bands, H, W] }, labels: { data: labels, shape: [B, H, W] }, ids };
}
