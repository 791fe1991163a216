/**
 * @file From a decoded raster to the network's input, and the geometry to find the way back.
 * Fixed-size encoders (SAM): Pillow's bilinear resize so that the longer side fits, normalise, zero-pad right and bottom
 * (segment_anything/utils/transforms.py, modeling/sam.py). Others: normalise, zero-pad to a multiple.
 */
import type { BandStatistics, EncoderInput, LabelMap, Raster } from "./contract.js";
import { IGNORE } from "./contract.js";
import { SegError } from "./errors.js";
import type { TensorData } from "./graph/tensor.js";
import { resizeBilinear, resizeNearest, samSize } from "./raster/index.js";

/** How pixels become network input; stored with every checkpoint. */
export interface Preprocessing {
  /** 0-based bands of the source, in the network's order. */
  readonly bands: readonly number[];
  /** Names of those bands. */
  readonly bandNames: readonly string[];
  /** Per band: values stretched to 0..255 before normalising; absent for 8-bit photos. */
  readonly stretch?: { readonly low: readonly number[]; readonly high: readonly number[] };
  /** Per band on the 0..255 scale. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Fixed side, or absent. */
  readonly size?: number;
  readonly multipleOf: number;
}

/** Where an image lies in the network's input: scaled to width x height at the top left of padded. */
export interface Placement {
  readonly width: number;
  readonly height: number;
  readonly paddedWidth: number;
  readonly paddedHeight: number;
}

/** The preprocessing of a dataset's images for an encoder. `bands`: 1-based choice of the user. */
export function planPreprocessing(
  input: EncoderInput,
  source: { readonly bands: readonly string[]; readonly photo: boolean; readonly statistics?: BandStatistics },
  bands?: readonly number[],
): Preprocessing {
  const chosen = (bands ?? source.bands.map((_, i) => i + 1)).map((band) => band - 1);
  const bad = chosen.find((band) => band >= source.bands.length);
  if (bad !== undefined) {
    const names = source.bands.map((name, i) => `${i + 1} ${name}`).join(", ");
    throw new SegError(`--bands ${bad + 1}`, `the data has ${source.bands.length} band(s)`, `choose among: ${names}`);
  }
  const { size, multipleOf } = input;
  const common = { bands: chosen, bandNames: chosen.map((band) => source.bands[band]), size, multipleOf };
  if (source.photo && chosen.length === input.bands) return { ...common, mean: input.mean, std: input.std };
  const statistics = source.statistics;
  if (!statistics) {
    if (source.photo) return { ...common, mean: chosen.map(() => 127.5), std: chosen.map(() => 58.5) };
    throw new Error("internal: a dataset that is not of photos has no statistics");
  }
  const low = chosen.map((band) => statistics.low[band]);
  const high = chosen.map((band) => statistics.high[band]);
  const stretch = source.photo ? undefined : { low, high };
  if (chosen.length === input.bands) return { ...common, stretch, mean: input.mean, std: input.std };
  const scale = (i: number) => (source.photo ? 1 : 255 / Math.max(high[i] - low[i], 1e-12));
  const mean = chosen.map((band, i) => clamp((statistics.mean[band] - (source.photo ? 0 : low[i])) * scale(i), 0, 255));
  const std = chosen.map((band, i) => clamp(statistics.std[band] * scale(i), 1, 255));
  return { ...common, stretch, mean, std };
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** The bands wanted, stretched to 0..255: uint8 for photos, float32 for others. Nodata becomes the band's mean. */
export function selectBands(raster: Raster, plan: Preprocessing): Raster {
  const most = Math.max(...plan.bands) + 1;
  if (raster.bands < most) {
    throw new SegError(
      "image",
      `has ${raster.bands} band(s), the model reads band ${most}`,
      "give images with the model's bands",
    );
  }
  const identity = plan.bands.length === raster.bands && plan.bands.every((band, i) => band === i);
  if (identity && !plan.stretch && !raster.valid && raster.data instanceof Uint8Array) return raster;
  const byte = !plan.stretch && raster.data instanceof Uint8Array;
  const pixels = raster.width * raster.height;
  const count = plan.bands.length;
  const data = byte ? new Uint8Array(pixels * count) : new Float32Array(pixels * count);
  for (let b = 0; b < count; b++) copyBand(raster, plan, b, data, count);
  return { ...raster, data, bands: count };
}

function copyBand(raster: Raster, plan: Preprocessing, b: number, out: Uint8Array | Float32Array, count: number): void {
  const { data, bands, valid } = raster;
  const low = plan.stretch?.low[b] ?? 0;
  const scale = plan.stretch ? 255 / Math.max(plan.stretch.high[b] - low, 1e-12) : 1;
  const fill = plan.mean[b];
  for (let i = 0, from = plan.bands[b], to = b; to < out.length; i++, from += bands, to += count) {
    if (valid && valid[i] === 0) out[to] = fill;
    else out[to] = plan.stretch ? clamp((data[from] - low) * scale, 0, 255) : data[from];
  }
}

/** Where an image of this size is placed. */
export function placementOf(width: number, height: number, plan: Preprocessing): Placement {
  if (plan.size !== undefined) {
    const scaled = samSize(width, height, plan.size);
    return { ...scaled, paddedWidth: plan.size, paddedHeight: plan.size };
  }
  const up = (extent: number) => Math.ceil(extent / plan.multipleOf) * plan.multipleOf;
  return { width, height, paddedWidth: up(width), paddedHeight: up(height) };
}

/** Network input [1, bands, H, W] of a raster that went through selectBands. */
export function toInput(raster: Raster, plan: Preprocessing): { input: TensorData; placement: Placement } {
  const placement = placementOf(raster.width, raster.height, plan);
  const scaled = resizeTo(raster, placement);
  const { paddedWidth: W, paddedHeight: H } = placement;
  const out = new Float32Array(raster.bands * H * W);
  for (let b = 0; b < raster.bands; b++) normaliseBand(scaled, b, plan, out, W, b * H * W);
  return { input: { data: out, shape: [1, raster.bands, H, W] }, placement };
}

function resizeTo(raster: Raster, { width, height }: Placement): Raster {
  return raster.width === width && raster.height === height ? raster : resizeBilinear(raster, width, height);
}

function normaliseBand(raster: Raster, b: number, plan: Preprocessing, out: Float32Array, W: number, at: number): void {
  const { data, width, height, bands } = raster;
  const normalise = normaliser(plan.mean[b], plan.std[b]);
  const known =
    data instanceof Uint8Array ? Float32Array.from({ length: 256 }, (_, value) => normalise(value)) : undefined;
  for (let y = 0; y < height; y++) {
    let from = y * width * bands + b;
    const [first, end] = [at + y * W, at + y * W + width];
    if (known) for (let to = first; to < end; to++, from += bands) out[to] = known[data[from]];
    else for (let to = first; to < end; to++, from += bands) out[to] = normalise(data[from]);
  }
}

/** torch keeps mean and deviation as float32 and divides in float32. */
function normaliser(mean: number, std: number): (value: number) => number {
  const [shift, scale] = [Math.fround(mean), Math.fround(std)];
  return (value) => Math.fround(Math.fround(value) - shift) / scale;
}

/** Labels in the network's geometry: resized nearest, padded with IGNORE. */
export function toLabels(labels: LabelMap, placement: Placement): Int32Array {
  const { width, height, paddedWidth, paddedHeight } = placement;
  const scaled = labels.width === width && labels.height === height ? labels : resizeNearest(labels, width, height);
  const out = new Int32Array(paddedWidth * paddedHeight).fill(IGNORE);
  for (let y = 0; y < height; y++) {
    out.set(scaled.data.subarray(y * width, (y + 1) * width), y * paddedWidth);
  }
  return out;
}

/** The same preprocessing for other bands of the source: 1-based, as many as the model reads. */
export function samePreprocessing<T extends Preprocessing>(plan: T, bands: readonly number[]): T {
  if (bands.length !== plan.bands.length) {
    const names = plan.bandNames.join(", ");
    throw new SegError(
      `--bands ${bands.join(",")}`,
      `the model reads ${plan.bands.length} band(s)`,
      `name one for each of: ${names}`,
    );
  }
  return { ...plan, bands: bands.map((band) => band - 1) };
}
