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
  const xs = axisTaps(at.width, width);
  const ys = axisTaps(at.height, height);
  for (let c = 0; c < classes; c++) {
    const plane = logits.subarray(c * at.paddedWidth * at.paddedHeight);
    resizePlane(plane, at.paddedWidth, xs, ys, out.subarray(c * width * height, (c + 1) * width * height), width);
  }
  return { data: out, classes, width, height };
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

function resizePlane(plane: Float32Array, stride: number, xs: Taps, ys: Taps, out: Float32Array, width: number): void {
  for (let y = 0; y < ys.low.length; y++) {
    const top = ys.low[y] * stride;
    const bottom = ys.high[y] * stride;
    const wy = ys.weight[y];
    for (let x = 0; x < width; x++) {
      const [a, b, wx] = [xs.low[x], xs.high[x], xs.weight[x]];
      const upper = plane[top + a] + (plane[top + b] - plane[top + a]) * wx;
      const lower = plane[bottom + a] + (plane[bottom + b] - plane[bottom + a]) * wx;
      out[y * width + x] = upper + (lower - upper) * wy;
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
