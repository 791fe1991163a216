/** @file The pixel under the pointer: its place, its class, and what the model thought of it. */
import { element, make, swatch } from "./controls.js";
import type { ViewMeta } from "./meta.js";
import type { BlockFile } from "./layers.js";
import { type Block, keyOf, type Level } from "./pyramid.js";
import type { Position } from "./viewport.js";

/** Milliseconds the pointer rests before a pixel is read. */
const REST = 40;

/** A pixel of the map, and its samples where they have been read. */
interface Reading {
  readonly column: number;
  readonly row: number;
  readonly value?: number;
  /** Samples of the probabilities' bands, as stored. */
  readonly samples?: readonly number[];
}

/** Shows the pixel at a map position; returns it, or undefined where the position is outside. */
export type Probe = (at: Position | undefined, isPinned: boolean) => Position | undefined;

/**
 * Reads the pixel a pointer rests on; a later one replaces an earlier one that is still being read. `onFault` hears why one cannot be read, and
 * nothing when the next is begun.
 */
export function createProbe(
  meta: ViewMeta,
  map: BlockFile,
  probabilities: BlockFile | undefined,
  onFault: (error?: unknown) => void,
): Probe {
  let current = new AbortController();
  const read = async (pixel: Position, signal: AbortSignal, show: (more: Partial<Reading>) => void) => {
    const both = [samplesAt(map, pixel, signal), probabilities && samplesAt(probabilities, pixel, signal)] as const;
    const [[value], samples] = await Promise.all(both);
    show({ value, samples });
  };
  return (at, isPinned) => {
    current.abort();
    current = new AbortController();
    const { signal } = current;
    const pixel = at && pixelAt(at, meta);
    const show = (more: Partial<Reading>) => {
      if (!signal.aborted)
        showReading(meta, pixel && { column: pixel.x, row: pixel.y, ...more }, pixel !== undefined && isPinned);
    };
    show({});
    onFault();
    const begin = () => {
      if (!pixel || signal.aborted) return;
      read(pixel, signal, show).catch((error) => signal.aborted || onFault(error));
    };
    setTimeout(begin, isPinned ? 0 : REST);
    return pixel;
  };
}

function pixelAt({ x, y }: Position, { width, height }: ViewMeta): Position | undefined {
  const isInside = x >= 0 && y >= 0 && x < width && y < height;
  return isInside ? { x: Math.floor(x), y: Math.floor(y) } : undefined;
}

async function samplesAt({ cog, cache }: BlockFile, { x, y }: Position, signal: AbortSignal): Promise<number[]> {
  const { cell, samplesOf } = locate(cog.levels[0], x, y);
  return samplesOf((await cache.load(keyOf(cell), signal)).block);
}

/** The cell of the finest level a pixel lies in, and a function that takes the pixel's samples from that block. */
function locate({ blockWidth, blockHeight }: Level, column: number, row: number) {
  const cell = { level: 0, column: Math.floor(column / blockWidth), row: Math.floor(row / blockHeight) };
  const samplesOf = ({ data, width, bands }: Block): number[] => {
    const at = ((row % blockHeight) * width + (column % blockWidth)) * bands;
    return Array.from({ length: bands }, (_, band) => data[at + band]);
  };
  return { cell, samplesOf };
}

/** Shows a reading, or the hint how to get one. */
function showReading(meta: ViewMeta, reading: Reading | undefined, isPinned: boolean): void {
  element("hint", HTMLElement).hidden = reading !== undefined;
  element("unpin", HTMLElement).hidden = !isPinned;
  element("reading", HTMLElement).replaceChildren(...(reading ? rowsOf(meta, reading) : []));
  element("bars", HTMLElement).replaceChildren(...(reading?.samples ? barsOf(meta, reading.samples) : []));
}

function rowsOf(meta: ViewMeta, { column, row, value }: Reading): HTMLElement[] {
  const { transform: t, unit } = meta;
  const rows = [make("dt", "", "Column, row"), make("dd", "position", `${column}, ${row}`)];
  if (t) {
    const [x, y] = [
      t[0] + (column + 0.5) * t[1] + (row + 0.5) * t[2],
      t[3] + (column + 0.5) * t[4] + (row + 0.5) * t[5],
    ];
    const text = (number: number) => number.toFixed(unit === "°" ? 6 : 2);
    rows.push(make("dt", "", "x, y"), make("dd", "coordinates", `${text(x)}, ${text(y)}`));
  }
  const name = make("dd", "wide");
  if (value === undefined) name.textContent = "…";
  else name.append(className(meta, value));
  return [name, ...rows];
}

function className({ classes, nodata }: ViewMeta, value: number): HTMLElement {
  const found = classes.find((entry) => entry.value === value);
  const text = found?.name ?? (value === nodata ? "no data" : `value ${value}`);
  const shown = make("span", "class");
  if (found) shown.append(swatch(found));
  shown.append(make("span", "class-name", text));
  return shown;
}

function barsOf({ probability, classes }: ViewMeta, samples: readonly number[]): HTMLElement[] {
  if (!probability) return [];
  const { bands, nodata } = probability;
  return bands.map(({ name, scale, offset }, i) => {
    const isKnown = samples[i] !== nodata && !Number.isNaN(samples[i]);
    const share = isKnown ? Math.min(Math.max(samples[i] * scale + offset, 0), 1) : 0;
    const fill = make("div", "fill");
    fill.style.width = `${100 * share}%`;
    const owner = classes.find((entry) => name === `probability of ${entry.name}`);
    if (owner) fill.style.backgroundColor = `rgb(${owner.color.join(" ")})`;
    const [item, track] = [make("li"), make("div", "track")];
    track.append(fill);
    item.append(
      make("span", "band", owner?.name ?? name),
      make("span", "value", isKnown ? share.toFixed(3) : "–"),
      track,
    );
    return item;
  });
}
