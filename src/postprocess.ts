/**
 * @file From the network's scores back to the image: crop the padding, bilinear to the image's size (align_corners False,
 * as torch.nn.functional.interpolate and SAM's postprocess_masks), then class probabilities and the most likely class.
 */
import type { Raster } from "./contract.js";
import type { Placement, Preprocessing } from "./preprocess.js";
import { type ByteImage, toDisplay } from "./raster/index.js";

/** Scores [C, H, W] on the image's own grid. */
export interface Scores {
  readonly data: Float32Array;
  readonly classes: number;
  readonly width: number;
  readonly height: number;
}

/** Logits [C, paddedHeight, paddedWidth] cropped to the placement and resized to width x height. */
export function placeBack(logits: Float32Array, classes: number, at: Placement, width: number, height: number): Scores {
  const out = new Float32Array(classes * width * height);
  const planes = planesOf(logits, classes, at, width, height);
  for (let c = 0; c < classes; c++) {
    for (let y = 0; y < height; y++) {
      const { data, from } = planes[c].row(y);
      out.set(data.subarray(from, from + width), (c * height + y) * width);
    }
  }
  return { data: out, classes, width, height };
}

/** `argMaxClasses` of `placeBack`, row by row: the scores of the whole image are never held. */
export function placeBackClasses(
  logits: Float32Array,
  classes: number,
  at: Placement,
  width: number,
  height: number,
): Uint8Array {
  const planes = planesOf(logits, classes, at, width, height);
  const out = new Uint8Array(width * height);
  const best = new Float32Array(width); // so far
  for (let y = 0; y < height; y++) {
    const { data, from } = planes[0].row(y);
    if (classes > 1) best.set(data.subarray(from, from + width));
    else keepBest(best.fill(0), planes[0].row(y), out, y * width, 1);
    for (let c = 1; c < classes; c++) keepBest(best, planes[c].row(y), out, y * width, c);
  }
  return out;
}

/** Where a row of scores passes the best ones so far, the label is written at `to`. */
function keepBest(best: Float32Array, { data, from }: PlaneRow, labels: Uint8Array, to: number, label: number): void {
  for (let x = 0; x < best.length; x++) {
    const score = data[from + x];
    if (score > best[x]) {
      best[x] = score;
      labels[to + x] = label;
    }
  }
}

function planesOf(logits: Float32Array, classes: number, at: Placement, width: number, height: number): PlaneRows[] {
  const [xs, ys] = [axisTaps(at.width, width), axisTaps(at.height, height)];
  const size = at.paddedWidth * at.paddedHeight;
  return Array.from({ length: classes }, (_, c) => {
    const plane = logits.subarray(c * size, (c + 1) * size);
    return new PlaneRows(plane, at.paddedWidth, at.width === width && at.height === height, xs, ys);
  });
}

interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly weight: Float32Array;
}

/** Neighbours and the weight of the upper one, half-pixel centres, clamped at the borders. */
function axisTaps(from: number, to: number): Taps {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const centre = Math.max(((i + 0.5) * from) / to - 0.5, 0);
    low[i] = Math.min(Math.floor(centre), from - 1);
    high[i] = Math.min(low[i] + 1, from - 1);
    weight[i] = centre - low[i];
  }
  return { low, high, weight };
}

/** A row of scores, `from` on. */
interface PlaneRow {
  readonly data: Float32Array;
  readonly from: number;
}

/** Rows of a resized plane from the top down: each source row is resized sideways once, however many rows it has a share in. */
class PlaneRows {
  private low: Float64Array;
  private high: Float64Array;
  private lowAt = -1;
  private highAt = -1;
  private readonly out: Float32Array;

  constructor(
    private readonly plane: Float32Array,
    private readonly stride: number,
    private readonly isSame: boolean,
    private readonly xs: Taps,
    private readonly ys: Taps,
  ) {
    const width = isSame ? 0 : xs.low.length;
    this.low = new Float64Array(width);
    this.high = new Float64Array(width);
    this.out = new Float32Array(width);
  }

  /** Row y; its memory is used again for the next one. */
  row(y: number): PlaneRow {
    if (this.isSame) return { data: this.plane, from: y * this.stride };
    this.moveTo(this.ys.low[y], this.ys.high[y]);
    const { low, high, out } = this;
    const weight = this.ys.weight[y];
    for (let x = 0; x < out.length; x++) out[x] = low[x] + (high[x] - low[x]) * weight;
    return { data: out, from: 0 };
  }

  private moveTo(low: number, high: number): void {
    if (low === this.highAt && low !== this.lowAt) {
      [this.low, this.high] = [this.high, this.low];
      [this.lowAt, this.highAt] = [this.highAt, this.lowAt];
    }
    if (low !== this.lowAt) this.sideways(low, this.low);
    if (high !== this.highAt) this.sideways(high, this.high);
    [this.lowAt, this.highAt] = [low, high];
  }

  private sideways(row: number, out: Float64Array): void {
    const { plane, xs } = this;
    const at = row * this.stride;
    for (let x = 0; x < out.length; x++) {
      const left = plane[at + xs.low[x]];
      out[x] = left + (plane[at + xs.high[x]] - left) * xs.weight[x];
    }
  }
}

/** Logits to probabilities in place: softmax over classes, or [1 - p, p] from a single logit. */
export function toProbabilities(scores: Scores): Scores {
  return scores.classes === 1 ? sigmoidPair(scores) : softmaxInPlace(scores);
}

function sigmoidPair({ data, width, height }: Scores): Scores {
  const out = new Float32Array(2 * data.length);
  for (let i = 0; i < data.length; i++) {
    const p = 1 / (1 + Math.exp(-data[i]));
    out[i] = 1 - p;
    out[data.length + i] = p;
  }
  return { data: out, classes: 2, width, height };
}

function softmaxInPlace(scores: Scores): Scores {
  const { data, classes } = scores;
  const pixels = scores.width * scores.height;
  for (let i = 0; i < pixels; i++) {
    let most = Number.NEGATIVE_INFINITY;
    for (let at = i; at < data.length; at += pixels) if (data[at] > most) most = data[at];
    let sum = 0;
    for (let at = i; at < data.length; at += pixels) sum += data[at] = Math.exp(data[at] - most);
    for (let c = 0, at = i; c < classes; c++, at += pixels) data[at] /= sum;
  }
  return scores;
}

/** Most likely class a pixel; the first of equals. A single logit is class 1 where positive. */
export function argMaxClasses({ data, classes, width, height }: Scores): Uint8Array {
  const pixels = width * height;
  const out = new Uint8Array(pixels);
  if (classes === 1) {
    for (let i = 0; i < pixels; i++) out[i] = data[i] > 0 ? 1 : 0;
    return out;
  }
  for (let i = 0; i < pixels; i++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if (data[c * pixels + i] > data[best * pixels + i]) best = c;
    out[i] = best;
  }
  return out;
}

/** An image as a model's reader sees it: its first three chosen bands, stretched as for the network. RGB bytes [H, W, 3]. */
export function displayImage(image: Raster, { bands, stretch }: Preprocessing): ByteImage {
  const shown = bands.length >= 3 ? bands.slice(0, 3) : [bands[0], bands[0], bands[0]];
  if (!stretch) return toDisplay(image, { bands: shown });
  const spread = (values: readonly number[], rest: number) => {
    const all = Array<number>(image.bands).fill(rest);
    bands.forEach((band, i) => {
      all[band] = values[i];
    });
    return all;
  };
  return toDisplay(image, { bands: shown, low: spread(stretch.low, 0), high: spread(stretch.high, 1) });
}
