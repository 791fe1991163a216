/** @file The page: reads what the server says of the map, opens it, and joins controls and gestures to what is drawn. */
import { type ByteColours, classColours, greyRamp } from "./colours.js";
import { buildControls, type Choice, element } from "./controls.js";
import { drawFrame } from "./frame.js";
import { type GestureTarget, listenToGestures } from "./gestures.js";
import { type BlockFile, openFile, openSource, type SourceLayer } from "./layers.js";
import type { ViewMeta } from "./meta.js";
import { createProbe } from "./probe.js";
import { fit, pan, type Position, toMap, type Viewport, zoomAt } from "./viewport.js";

const canvas = element("map", HTMLCanvasElement);

start().catch((error) => tell("The map cannot be shown", error));

function tell(what: string, error: unknown): void {
  const notice = element("notice", HTMLElement);
  notice.hidden = false;
  notice.textContent = `${what}: ${error instanceof Error ? error.message : error}`;
}

async function start(): Promise<void> {
  const meta: ViewMeta = await (await fetch("meta.json")).json();
  const count = countBytes(meta);
  let draw = () => {};
  const onTile = (error?: unknown) => {
    if (error !== undefined) tell("A part of the map cannot be read", error);
    draw();
  };
  const map = await openFile("map.tif", count, onTile);
  const probabilities = meta.probability && (await openFile("map.prob.tif", count, onTile));
  draw = run({ meta, map, probabilities, source: openSource(meta, onTile) });
  draw();
}

function countBytes(meta: ViewMeta): (count: number) => void {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`;
  let bytes = 0;
  return (count) => {
    bytes += count;
    element("bytes", HTMLElement).textContent = `${megabytes(bytes)} read of ${megabytes(meta.bytes)}`;
  };
}

interface Opened {
  readonly meta: ViewMeta;
  readonly map: BlockFile;
  readonly probabilities: BlockFile | undefined;
  readonly source: SourceLayer;
}

/** What is on the screen; the view is the whole map until it is moved. */
interface Screen {
  choice: Choice;
  colours: ByteColours;
  view?: Viewport;
  pin?: Position;
}

/** Joins everything to the canvas; returns what draws it anew. */
function run(opened: Opened): () => void {
  const { meta } = opened;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no canvas");
  let isPlanned = false;
  const frame = () => {
    isPlanned = false;
    const isWaiting = drawFrame(context, { ...opened, ...screen, view: screen.view ?? fit(meta, canvas) });
    canvas.setAttribute("aria-busy", String(isWaiting));
  };
  const draw = () => {
    if (!isPlanned) requestAnimationFrame(frame);
    isPlanned = true;
    canvas.setAttribute("aria-busy", "true");
  };
  const first = buildControls(meta, (choice) => {
    Object.assign(screen, { choice, colours: coloursOf(meta, choice) });
    draw();
  });
  const screen: Screen = { choice: first, colours: coloursOf(meta, first) };
  const target = targetOf(opened, screen, draw);
  listenToGestures(canvas, target);
  listenToButtons(target);
  watchSize(draw);
  return draw;
}

function coloursOf({ classes, probability }: ViewMeta, { layer, hidden }: Choice): ByteColours {
  return layer === "classes" ? classColours(classes, hidden) : greyRamp(probability?.scale ?? 1, probability?.nodata);
}

/** What gestures do to the screen. */
function targetOf({ meta, map, probabilities }: Opened, screen: Screen, draw: () => void): GestureTarget {
  const probe = createProbe(meta, map, probabilities, (error) => tell("The pixel cannot be read", error));
  const viewNow = () => screen.view ?? fit(meta, canvas);
  const move = (view: Viewport | undefined) => {
    screen.view = view;
    draw();
  };
  const setPin = (at: Position | undefined) => {
    screen.pin = at && probe(at, true);
    if (!at) probe(undefined, false);
    draw();
  };
  return {
    pan: (dx, dy) => move(pan(viewNow(), meta, dx, dy)),
    zoom: (at, factor) => move(zoomAt(viewNow(), meta, canvas, at, factor)),
    fit: () => move(undefined),
    point(at) {
      if (!screen.pin) probe(at && toMap(viewNow(), canvas, at), false);
    },
    choose: (at) => setPin(toMap(viewNow(), canvas, at)),
    letGo: () => setPin(undefined),
  };
}

function listenToButtons(target: GestureTarget): void {
  const middle = () => ({ x: canvas.width / 2, y: canvas.height / 2 });
  const onClick = (id: string, act: () => void) => element(id, HTMLButtonElement).addEventListener("click", act);
  onClick("zoom-in", () => target.zoom(middle(), 2));
  onClick("zoom-out", () => target.zoom(middle(), 0.5));
  onClick("fit", () => target.fit());
  onClick("unpin", () => target.letGo());
}

/** Keeps the canvas as many device pixels large as it is shown. */
function watchSize(draw: () => void): void {
  const resize = () => {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    draw();
  };
  resize();
  new ResizeObserver(resize).observe(canvas);
}
