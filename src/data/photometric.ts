/** @file Changes of an image that leave its labels as they are: colour jitter, blur, coarse dropout. Values are on the 0..255 scale. */
import type { Raster } from "../contract.js";
import type { Generator } from "../random.js";

/** Brightness, contrast and (three bands) saturation factors in [1 - strength, 1 + strength]. */
export function colorJitter(image: Raster, strength: number, random: Generator): void {
  const factor = () => 1 + strength * (2 * random.uniform() - 1);
  const [brightness, contrast, saturation] = [factor(), factor(), factor()];
  const { data, bands } = image;
  const mean = meanOf(data) * brightness;
  const limit = data instanceof Uint8Array ? 0.5 : 0;
  for (let at = 0; at < data.length; at += bands) {
    const gray = bands === 3 ? 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2] : 0;
    for (let band = 0; band < bands; band++) {
      const vivid = bands === 3 ? gray + (data[at + band] - gray) * saturation : data[at + band];
      const value = mean + (vivid * brightness - mean) * contrast;
      data[at + band] = Math.min(Math.max(value, 0), 255) + limit;
    }
  }
}

function meanOf(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  return sum / data.length;
}

/** A 3x3 binomial blur. */
export function blur(image: Raster): void {
  const { data, width, height, bands } = image;
  const source = data.slice();
  const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  for (let y = 0, to = 0; y < height; y++) {
    const rows = [clamp(y - 1, height - 1), y, clamp(y + 1, height - 1)].map((row) => row * width);
    for (let x = 0; x < width; x++) {
      const columns = [clamp(x - 1, width - 1), x, clamp(x + 1, width - 1)];
      for (let band = 0; band < bands; band++, to++) {
        const line = (row: number) =>
          source[(row + columns[0]) * bands + band] +
          2 * source[(row + columns[1]) * bands + band] +
          source[(row + columns[2]) * bands + band];
        data[to] = (line(rows[0]) + 2 * line(rows[1]) + line(rows[2])) / 16;
      }
    }
  }
}

/** Fills up to `most` rectangles of at most an eighth of each side. */
export function coarseDropout(image: Raster, most: number, fill: readonly number[], random: Generator): void {
  const { data, width, height, bands } = image;
  const count = random.integer(most + 1);
  for (let hole = 0; hole < count; hole++) {
    const w = 1 + random.integer(Math.max(width >> 3, 1));
    const h = 1 + random.integer(Math.max(height >> 3, 1));
    const left = random.integer(width - w + 1);
    const top = random.integer(height - h + 1);
    for (let y = top; y < top + h; y++) {
      for (let x = left; x < left + w; x++) {
        for (let band = 0; band < bands; band++) data[(y * width + x) * bands + band] = fill[band];
      }
    }
  }
}
