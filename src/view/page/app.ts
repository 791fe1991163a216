/** @file The page: reads what the server says of the map, opens it, and joins controls and gestures to what is drawn. */
import { classColours, type Colours, greyRamp } from "./colours.js";
import { buildControls, type Choice, element } from "./controls.js";
import { drawFrame, type Lack } from "./frame.js";
import { type GestureTarget, listenToGestures } from "./gestures.js";
import { type BlockFile, openFile, openSource, type SourceLayer } from "./layers.js";
import type { ViewMeta } from "./meta.js";
import { createNotices, faultLine } from "./notices.js";
import { createProbe } from "./probe.js";
import { fit, pan, type Position, toMap, type Viewport, zoomAt } from "./viewport.js";

const canvas = element("map", HTMLCanvasElement);
const tell = createNotices(element("notice", HTMLElement));

start().catch((error) => tell("page", faultLine("The map cannot be shown", error)));

async function start(): Promise<void> {
  const meta: ViewMeta = await (await fetch("meta.json")).json();
  const count = countBytes(meta);
  let draw = () => {};
  const onTile = () => draw();
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
  colours: Colours;
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
    const lack = drawFrame(context, { ...opened, ...screen, view: screen.view ?? fit(meta, canvas) });
    canvas.setAttribute("aria-busy", String(lack.isWaiting));
    tellLack(lack);
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

function tellLack({ fault, isCut }: Lack): void {
  tell("tiles", fault === undefined ? undefined : faultLine("A part of the view cannot be read", fault));
  tell("size", isCut ? "Zoom in to see everything: the file holds no reduced copies" : undefined);
}

function coloursOf({ classes, probability }: ViewMeta, { layer, hidden }: Choice): Colours {
  const band = layer === "classes" ? undefined : probability?.bands[layer];
  return band ? greyRamp(band, probability?.nodata) : classColours(classes, hidden);
}

/** What gestures do to the screen. */
function targetOf({ meta, map, probabilities }: Opened, screen: Screen, draw: () => void): GestureTarget {
  const onFault = (error?: unknown) =>
    tell("pixel", error === undefined ? undefined : faultLine("The pixel cannot be read", error));
  const probe = createProbe(meta, map, probabilities, onFault);
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
