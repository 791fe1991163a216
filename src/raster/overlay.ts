/**
 * @file Pictures of results: any raster as displayable RGB, class colours laid over it, and colours for unnamed classes.
 * Palette: Okabe and Ito's colours for colour-blind readers, https://jfly.uni-koeln.de/color/
 */
import { IGNORE, type LabelMap, type Raster } from "../contract.js";
import type { ByteImage, Color } from "./png.js";
import { collectStatistics, stretch } from "./stats.js";

const OKABE_ITO: readonly Color[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
  [153, 153, 153],
];

/** `count` distinct colours, colour-blind safe up to 8; more go round the hue circle in golden-angle steps. */
export function defaultPalette(count: number): Color[] {
  return Array.from({ length: count }, (_, i) => OKABE_ITO[i] ?? hueColor(i * 137.508, i % 2 === 0 ? 0.45 : 0.65));
}

/** RGB of a hue in degrees at full saturation less a fifth; lightness 0..1. */
function hueColor(hue: number, lightness: number): Color {
  const amplitude = 0.8 * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/**
 * A raster as RGB bytes: its first three bands (or those named, 0-based; fewer than three: grey). 8-bit data is shown as it
 * is, other types stretched by low and high per band of the raster, by default its own 2nd and 98th percentile.
 */
export function toDisplay(
  raster: Raster,
  options: {
    readonly bands?: readonly number[];
    readonly low?: readonly number[];
    readonly high?: readonly number[];
  } = {},
): ByteImage {
  const { width, height, bands, valid } = raster;
  const shown = options.bands ?? (bands >= 3 ? [0, 1, 2] : [0, 0, 0]);
  const { data } = raster.data instanceof Uint8Array && !options.low ? raster : stretched(raster, options);
  const isShown = bands === 3 && !valid && shown.length === 3 && shown.every((band, i) => band === i);
  if (isShown && data instanceof Uint8Array) return { data, width, height, bands: 3 };
  const out = new Uint8Array(width * height * 3);
  for (let i = 0, to = 0; i < width * height; i++, to += 3) {
    if (valid && valid[i] === 0) continue;
    for (let c = 0; c < 3; c++) out[to + c] = data[i * bands + shown[Math.min(c, shown.length - 1)]];
  }
  return { data: out, width, height, bands: 3 };
}

function stretched(raster: Raster, { low, high }: { low?: readonly number[]; high?: readonly number[] }): Raster {
  if (low && high) return stretch(raster, low, high);
  const collector = collectStatistics(raster.bands);
  collector.add(raster);
  const own = collector.result();
  return own ? stretch(raster, own.low, own.high) : { ...raster, data: new Uint8Array(raster.data.length) };
}

/** Class colours over an RGB image of the same size; IGNORE and classes without a colour leave the image as it is. */
export function overlay(image: ByteImage, labels: LabelMap, colors: readonly Color[], opacity = 0.5): ByteImage {
  const { data, width, height } = image;
  if (image.bands !== 3 || labels.width !== width || labels.height !== height) {
    throw new Error(
      `internal: overlay of ${labels.width} x ${labels.height} labels on ${width} x ${height} x ${image.bands}`,
    );
  }
  const out = data.slice();
  const blends = blendTable(colors, opacity);
  for (let i = 0, at = 0; i < labels.data.length; i++, at += 3) {
    const label = labels.data[i];
    if (label === IGNORE || label >= colors.length) continue;
    const table = label * 3 * 256;
    out[at] = blends[table + data[at]];
    out[at + 1] = blends[table + 256 + data[at + 1]];
    out[at + 2] = blends[table + 512 + data[at + 2]];
  }
  return { data: out, width, height, bands: 3 };
}

/** What each of the 256 values becomes under the three values of each colour: [colors, 3, 256]. */
function blendTable(colors: readonly Color[], opacity: number): Uint8Array {
  const values = colors.flat();
  return Uint8Array.from({ length: values.length * 256 }, (_, i) =>
    Math.round((i % 256) * (1 - opacity) + values[i >> 8] * opacity),
  );
}

/** Class colours alone, RGB; IGNORE is black. */
export function colorize(labels: LabelMap, colors: readonly Color[]): ByteImage {
  const { width, height } = labels;
  return overlay({ data: new Uint8Array(width * height * 3), width, height, bands: 3 }, labels, colors, 1);
}
