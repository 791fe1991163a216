/** @file One picture of the view: source, classes or probabilities, the pixel that is kept, the scale. */
import type { ByteColours } from "./colours.js";
import { type Choice, element } from "./controls.js";
import { drawLayer, type Layer } from "./drawing.js";
import { type BlockFile, paint, type SourceLayer } from "./layers.js";
import type { ViewMeta } from "./meta.js";
import { keyOf, levelFor, visibleCells } from "./pyramid.js";
import type { TileCache } from "./tile-cache.js";
import { MOST_ZOOM, type Position, toScreen, type Viewport } from "./viewport.js";

/** Everything a picture depends on. */
export interface Frame {
  readonly meta: ViewMeta;
  readonly map: BlockFile;
  readonly probabilities: BlockFile | undefined;
  readonly source: SourceLayer;
  readonly choice: Choice;
  readonly colours: ByteColours;
  readonly view: Viewport;
  /** The pixel that is kept. */
  readonly pin?: Position;
}

/** Draws a picture and asks for the tiles it lacks; returns whether any is still to come. */
export function drawFrame(context: CanvasRenderingContext2D, frame: Frame): boolean {
  const { meta, map, probabilities, source, choice, view } = frame;
  const { canvas } = context;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const isWaiting = [drawSource(context, frame, source), drawBlocks(context, frame, map, choice.layer === "classes")];
  if (probabilities) isWaiting.push(drawBlocks(context, frame, probabilities, choice.layer !== "classes"));
  drawPin(context, frame);
  drawScale(meta, view);
  return isWaiting.includes(true);
}

/** Draws what there is of a layer and asks for the rest; returns whether something is still to come. */
function drawTiles(
  context: CanvasRenderingContext2D,
  { meta, view }: Frame,
  layer: Layer,
  cache: TileCache<unknown>,
): boolean {
  const { canvas } = context;
  const level = levelFor(layer.levels, view.zoom);
  const cells = visibleCells(layer.levels, level, view, canvas);
  const behind = layer.isCheap ? visibleCells(layer.levels, layer.levels.length - 1, view, canvas).slice(0, 4) : [];
  const keys = [...new Set([...cells, ...behind].map(keyOf))]; // coarse ones are shown while finer ones are on their way
  cache.want(keys);
  drawLayer(context, layer, cells, view, canvas, meta);
  return cache.isWaiting(keys);
}

function drawSource(context: CanvasRenderingContext2D, frame: Frame, { levels, cache }: SourceLayer): boolean {
  const isCoarser = levels.length > 0 && levels[levels.length - 1].factor * frame.view.zoom < 0.5;
  const isShown = levels.length > 0 && frame.choice.showsSource && !isCoarser;
  const note = `${frame.meta.source.note}${isCoarser ? " (zoom in to see it: it holds no reduced copies)" : ""}`;
  element("source-note", HTMLElement).textContent = note;
  if (isShown)
    return drawTiles(context, frame, { levels, isSmooth: true, isCheap: false, opacity: 1, picture: cache.get }, cache);
  cache.want([]);
  return false;
}

function drawBlocks(
  context: CanvasRenderingContext2D,
  frame: Frame,
  { cog, cache }: BlockFile,
  isShown: boolean,
): boolean {
  if (!isShown) {
    cache.want([]);
    return false;
  }
  const { choice, colours } = frame;
  const band = choice.layer === "classes" ? 0 : choice.layer;
  const picture = (key: string) => {
    const tile = cache.get(key);
    return tile && paint(tile, band, colours);
  };
  return drawTiles(
    context,
    frame,
    { levels: cog.levels, isSmooth: false, isCheap: true, opacity: choice.opacity, picture },
    cache,
  );
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
