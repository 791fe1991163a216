/** @file One picture of the view: source, classes or probabilities, the pixel that is kept, the scale. */
import type { Colours } from "./colours.js";
import { type Choice, element } from "./controls.js";
import { drawLayer, type Layer } from "./drawing.js";
import { type BlockFile, bytesPerPixel, mostCells, paint, PICTURE_BYTES, type SourceLayer } from "./layers.js";
import type { ViewMeta } from "./meta.js";
import { keyOf, type Level, levelFor, stepOf, visibleCells } from "./pyramid.js";
import type { TileCache } from "./tile-cache.js";
import { MOST_ZOOM, type Position, toScreen, type Viewport } from "./viewport.js";

/** Everything a picture depends on. */
export interface Frame {
  readonly meta: ViewMeta;
  readonly map: BlockFile;
  readonly probabilities: BlockFile | undefined;
  readonly source: SourceLayer;
  readonly choice: Choice;
  readonly colours: Colours;
  readonly view: Viewport;
  /** The pixel that is kept. */
  readonly pin?: Position;
}

/** What a picture lacks. */
export interface Lack {
  /** Whether tiles are still to come. */
  readonly isWaiting: boolean;
  /** Whether more blocks are in view than can be held at once. */
  readonly isCut: boolean;
  /** Why a tile is missing. */
  readonly fault?: unknown;
}

const NOTHING: Lack = { isWaiting: false, isCut: false };

/** Draws a picture and asks for the tiles it lacks; `isCut` is about the map and its probabilities alone. */
export function drawFrame(context: CanvasRenderingContext2D, frame: Frame): Lack {
  const { meta, map, probabilities, source, choice, view } = frame;
  const { canvas } = context;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const under = drawSource(context, frame, source);
  const blocks = [drawBlocks(context, frame, map, choice.layer === "classes")];
  if (probabilities) blocks.push(drawBlocks(context, frame, probabilities, choice.layer !== "classes"));
  drawPin(context, frame);
  drawScale(meta, view);
  return {
    isWaiting: under.isWaiting || blocks.some(({ isWaiting }) => isWaiting),
    isCut: blocks.some(({ isCut }) => isCut),
    fault: [under, ...blocks].find(({ fault }) => fault !== undefined)?.fault,
  };
}

/** Blocks of the coarsest level kept at hand, to be shown while finer ones are on their way. */
const MOST_BEHIND = 4;

/** Draws what there is of a layer and asks for the rest. */
function drawTiles(
  context: CanvasRenderingContext2D,
  { meta, view }: Frame,
  layer: Layer,
  cache: TileCache<unknown>,
): Lack {
  const { canvas } = context;
  const { levels } = layer;
  const level = levelFor(levels, view.zoom);
  const most = layer.most(levels[level]);
  const spare = layer.isCheap ? Math.min(MOST_BEHIND, most >> 1) : 0;
  const { cells, isCut } = visibleCells(levels, level, view, canvas, most - spare);
  const behind = visibleCells(levels, levels.length - 1, view, canvas, MOST_BEHIND).cells.slice(0, spare);
  cache.want([...new Set([...cells, ...behind].map(keyOf))]);
  drawLayer(context, layer, cells, view, canvas, meta);
  return { isWaiting: cache.isWaiting(), isCut, fault: cache.fault() };
}

/** Stops what is on its way for a layer that is not shown. */
function drawNothing(cache: TileCache<unknown>): Lack {
  cache.want([]);
  return NOTHING;
}

function drawSource(context: CanvasRenderingContext2D, frame: Frame, { levels, cache }: SourceLayer): Lack {
  const isCoarser = levels.length > 0 && stepOf(levels[levels.length - 1]) * frame.view.zoom < 0.5;
  const isShown = levels.length > 0 && frame.choice.showsSource && !isCoarser;
  const most = (level: Level) => mostCells(level, PICTURE_BYTES);
  const layer = { levels, isSmooth: true, isCheap: false, opacity: 1, most, picture: cache.get };
  const lack = isShown ? drawTiles(context, frame, layer, cache) : drawNothing(cache);
  const hint = isCoarser || lack.isCut ? " (zoom in to see it: it holds no reduced copies)" : "";
  element("source-note", HTMLElement).textContent = frame.meta.source.note + hint;
  return lack;
}

function drawBlocks(context: CanvasRenderingContext2D, frame: Frame, file: BlockFile, isShown: boolean): Lack {
  const { cog, cache } = file;
  if (!isShown) return drawNothing(cache);
  const { choice, colours } = frame;
  const band = choice.layer === "classes" ? 0 : choice.layer;
  const picture = (key: string) => {
    const tile = cache.get(key);
    return tile && paint(tile, band, colours);
  };
  const most = (level: Level) => mostCells(level, bytesPerPixel(file));
  const layer = { levels: cog.levels, isSmooth: false, isCheap: true, opacity: choice.opacity, most, picture };
  return drawTiles(context, frame, layer, cache);
}

/** The pixel that is kept: a frame around it that stays visible from afar. */
function drawPin(context: CanvasRenderingContext2D, { view, pin }: Frame): void {
  if (!pin) return;
  const from = toScreen(view, context.canvas, pin);
  const side = Math.max(view.zoom, 9);
  const shift = (view.zoom - side) / 2;
  for (const [width, style] of [
    [4, "#000"],
    [2, "#fff"],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.strokeRect(Math.round(from.x + shift) - 0.5, Math.round(from.y + shift) - 0.5, side + 1, side + 1);
  }
}

/** A bar of a round length, and how large a pixel is drawn. */
function drawScale({ transform, unit }: ViewMeta, { zoom }: Viewport): void {
  const ratio = window.devicePixelRatio || 1;
  const perPixel = transform && unit === "m" ? Math.hypot(transform[1], transform[4]) : 1;
  const longest = (110 * ratio * perPixel) / zoom;
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = ([5, 2, 1].find((digit) => digit * power <= longest) ?? 1) * power;
  const label =
    transform && unit === "m" ? (length >= 1000 ? `${length / 1000} km` : `${length} m`) : `${length} pixels`;
  element("scale-bar", HTMLElement).style.width = `${((length / perPixel) * zoom) / ratio}px`;
  const percent = zoom >= MOST_ZOOM ? "closest" : `${Number((100 * zoom).toPrecision(2))} %`;
  element("scale-text", HTMLElement).textContent = `${label} · ${percent}`;
}
