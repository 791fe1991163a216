/**
 * @file Tiles of a source scene on the pixel grid of a class map: 256 x 256 PNGs, level n averages 2^n x 2^n map pixels. The scene may be any
 * raster we read; reduced copies in it are used where they are fine enough. One stretch for all tiles, measured once.
 */
import { collectStatistics, encodePng, type GeoRaster, openGeoTiff } from "../raster/index.js";
import type { Raster } from "../contract.js";
import { SegError } from "../errors.js";
import { type AxisPlace, type Placement, placeOf } from "./placement.js";

export const TILE = 256;
/** Source pixels averaged into a tile's pixel, at most, along one axis: a tile then reads at most 8192 x 8192 of them. */
const MOST_REDUCTION = 32;
/** Pixels read at a time. */
const STRIP_PIXELS = 2 ** 22;
const SAMPLE_SIDE = 256;
/** Positions along one axis that are averaged, at least, where there are as many. */
const SAMPLES = 4;

/** A scene ready to be shown under a map. */
export interface SourceTiles {
  /** Levels there are, from 0; none coarser is rendered. */
  readonly levels: number;
  /** The PNG of a tile, transparent where the scene has no data; undefined outside the map. */
  png(level: number, column: number, row: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** The scene's pixels at one size; `factor` full pixels to one along each axis. */
interface Copy {
  readonly raster: Pick<GeoRaster, "width" | "height" | "read">;
  readonly factorX: number;
  readonly factorY: number;
}

interface Scene {
  readonly copies: readonly Copy[];
  readonly bands: readonly number[];
  readonly place: Placement;
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly map: { readonly width: number; readonly height: number };
}

export interface SourceOptions {
  /** Bands to show, 0-based: one or three; default the first three, or the first. */
  readonly bands?: readonly number[];
  /** Reads URLs of this machine and its network. */
  readonly allowPrivateHosts?: boolean;
}

/** Opens a scene under a map. SegError where it cannot be read or does not lie under the map. */
export async function openSourceTiles(
  path: string,
  map: GeoRaster,
  { bands, allowPrivateHosts }: SourceOptions = {},
): Promise<SourceTiles> {
  const full = await openGeoTiff(path, { allowPrivateHosts });
  const close = () => full.close();
  try {
    const copies = copiesOf(full);
    const place = placeOf(map, full);
    if (typeof place === "string") throw new SegError(path, place, "give the scene the map was made of with --source");
    const shown = bandsOf(full, bands);
    const scene: Scene = { copies, bands: shown, place, map, ...(await measure(full, copies, shown)) };
    const png = async (level: number, column: number, row: number) => {
      const side = TILE * 2 ** level;
      if (column * side >= map.width || row * side >= map.height) return undefined;
      return encodePng({ data: await render(scene, level, column, row), width: TILE, height: TILE, bands: 4 });
    };
    return { levels: countLevels(scene), png, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function copiesOf(full: GeoRaster): Copy[] {
  const reduced = full.overviews.map(({ width, height }, i) => ({
    raster: {
      width,
      height,
      read: (...[window, bands]: Parameters<GeoRaster["read"]>) => full.readLevel(i + 1, window, bands),
    },
    factorX: full.width / width,
    factorY: full.height / height,
  }));
  return [{ raster: full, factorX: 1, factorY: 1 }, ...reduced].sort((a, b) => a.factorX - b.factorX);
}

function bandsOf({ path, bands }: GeoRaster, wanted: readonly number[] | undefined): number[] {
  const shown = wanted ?? (bands >= 3 ? [0, 1, 2] : [0]);
  const missing = shown.find((band) => band >= bands);
  if (missing === undefined && (shown.length === 1 || shown.length === 3)) return [...shown];
  const reason = missing === undefined ? `${shown.length} bands make no colour` : `has no band ${missing + 1}`;
  throw new SegError(path, reason, `give one band or three of its ${bands} with --bands`);
}

/** Levels up to the one that shows the map in one tile, as far as a tile reads no more than it may. */
function countLevels({ copies, place, map }: Scene): number {
  const wanted = 1 + Math.max(0, Math.ceil(Math.log2(Math.max(map.width, map.height) / TILE)));
  for (let level = 0; level < wanted; level++) {
    const reach = Math.max(place.x.scale, place.y.scale) * 2 ** level;
    if (reach / copyFor(copies, reach).factorX > MOST_REDUCTION) return level;
  }
  return wanted;
}

/** The coarsest copy that is fine enough for steps of `reach` full pixels. */
const copyFor = (copies: readonly Copy[], reach: number): Copy =>
  copies.filter(({ factorX }) => factorX <= reach * 1.01).at(-1) ?? copies[0];

/** 2nd and 98th percentiles of a coarse pass; 8-bit bands share theirs, so that colours stay what they are. */
async function measure({ dtype }: GeoRaster, copies: readonly Copy[], bands: readonly number[]) {
  const { raster } =
    copies.find((copy) => copy.raster.width * copy.raster.height <= STRIP_PIXELS) ?? copies[copies.length - 1];
  const collector = collectStatistics(bands.length);
  for (const window of sampleWindows(raster)) collector.add(await raster.read(window, bands));
  const found = collector.result();
  const [low, high] = found ? [found.low, found.high] : [bands.map(() => 0), bands.map(() => 255)];
  if (dtype !== "uint8") return { low, high };
  return { low: low.map(() => Math.min(...low)), high: high.map(() => Math.max(...high)) };
}

/** The whole of a small raster, else four by four windows spread over it. */
function sampleWindows({ width, height }: Copy["raster"]) {
  if (width * height <= STRIP_PIXELS) return [{ x: 0, y: 0, width, height }];
  const starts = (length: number) => [0, 1, 2, 3].map((i) => Math.floor((i * Math.max(0, length - SAMPLE_SIDE)) / 3));
  const [across, down] = [Math.min(SAMPLE_SIDE, width), Math.min(SAMPLE_SIDE, height)];
  return starts(height).flatMap((y) => starts(width).map((x) => ({ x, y, width: across, height: down })));
}

/** RGBA of a tile. */
async function render(scene: Scene, level: number, column: number, row: number): Promise<Uint8Array> {
  const { copies, place, map } = scene;
  const step = 2 ** level;
  const copy = copyFor(copies, Math.max(place.x.scale, place.y.scale) * step);
  const across = spans(place.x, copy.factorX, copy.raster.width, column * TILE, step, map.width);
  const down = spans(place.y, copy.factorY, copy.raster.height, row * TILE, step, map.height);
  const out = new Uint8Array(TILE * TILE * 4);
  const [left, right] = extent(across, 0, TILE);
  if (right <= left) return out;
  for (let from = 0; from < TILE; ) {
    let to = from + 1;
    const tall = (end: number) => extent(down, from, end)[1] - extent(down, from, end)[0];
    while (to < TILE && tall(to + 1) * (right - left) <= STRIP_PIXELS) to++;
    const [top, bottom] = extent(down, from, to);
    if (bottom > top) {
      const window = { x: left, y: top, width: right - left, height: bottom - top };
      paint(await copy.raster.read(window, scene.bands), window, across, down, [from, to], scene, out);
    }
    from = to;
  }
  return out;
}

/** Source pixels start[i] up to end[i] (not included) under pixel i of a tile; none where end is start. */
interface Spans {
  readonly start: Int32Array;
  readonly end: Int32Array;
}

/** Pixels that are only touched count by their centre: a step of one pixel and less takes the pixel at its own centre. */
function spans(
  place: AxisPlace,
  factor: number,
  length: number,
  first: number,
  step: number,
  mapLength: number,
): Spans {
  const [start, end] = [new Int32Array(TILE), new Int32Array(TILE)];
  const at = (position: number) => (place.offset + place.scale * position) / factor;
  for (let i = 0; i < TILE; i++) {
    const position = (first + i) * step;
    if (position >= mapLength) continue;
    const [from, to] = [at(position), at(position + step)];
    const begin = Math.round(from);
    const isWide = Math.round(to) > begin && to - from > 1.5;
    const middle = Math.floor((from + to) / 2);
    start[i] = Math.min(Math.max(isWide ? begin : middle, 0), length);
    end[i] = Math.min(Math.max(isWide ? Math.round(to) : middle + 1, 0), length);
  }
  return { start, end };
}

/** Least start and greatest end of pixels `from` up to `to`, empty ones left out. */
function extent({ start, end }: Spans, from: number, to: number): [number, number] {
  let [least, most] = [Number.MAX_SAFE_INTEGER, 0];
  for (let i = from; i < to; i++) {
    if (end[i] <= start[i]) continue;
    least = Math.min(least, start[i]);
    most = Math.max(most, end[i]);
  }
  return most === 0 ? [0, 0] : [least, most];
}

/** Means of the valid pixels under each pixel of rows `from` up to `to`, stretched to bytes. */
function paint(
  raster: Raster,
  window: { readonly x: number; readonly y: number },
  across: Spans,
  down: Spans,
  [from, to]: readonly [number, number],
  { low, high, bands }: Scene,
  out: Uint8Array,
): void {
  const sums = new Float64Array(bands.length);
  for (let y = from; y < to; y++) {
    for (let x = 0; x < TILE; x++) {
      const rows = [down.start[y] - window.y, down.end[y] - window.y] as const;
      const columns = [across.start[x] - window.x, across.end[x] - window.x] as const;
      const count = addUp(raster, columns, rows, sums);
      if (count === 0) continue;
      const pixel = (y * TILE + x) * 4;
      for (let c = 0; c < 3; c++) {
        const band = Math.min(c, bands.length - 1);
        const share = (sums[band] / count - low[band]) / Math.max(high[band] - low[band], Number.MIN_VALUE);
        out[pixel + c] = Math.round(255 * Math.min(Math.max(share, 0), 1));
      }
      out[pixel + 3] = 255;
    }
  }
}

/** Sums of the bands over a rectangle's valid pixels, into `sums`; returns how many there are. Of wide rectangles an even sample is taken. */
function addUp(
  { data, width, bands, valid }: Raster,
  [left, right]: readonly [number, number],
  [top, bottom]: readonly [number, number],
  sums: Float64Array,
): number {
  sums.fill(0);
  let count = 0;
  const [stepX, stepY] = [right - left, bottom - top].map((length) => Math.max(1, Math.floor(length / SAMPLES)));
  for (let y = top + (stepY >> 1); y < bottom; y += stepY) {
    for (let x = left + (stepX >> 1); x < right; x += stepX) {
      const pixel = y * width + x;
      if (valid && valid[pixel] === 0) continue;
      count++;
      for (let b = 0; b < bands; b++) sums[b] += data[pixel * bands + b];
    }
  }
  return count;
}
