/** @file Mouse, touch and keys on the map as moves of the view. Positions are in device pixels of the canvas. */
import type { Position } from "./viewport.js";

/** What gestures ask for. */
export interface GestureTarget {
  pan(dx: number, dy: number): void;
  zoom(at: Position, factor: number): void;
  fit(): void;
  /** The pointer rests over a position, or has left the map. */
  point(at: Position | undefined): void;
  /** A click, or Enter for the middle. */
  choose(at: Position): void;
  letGo(): void;
}

/** Device pixels a pointer may move between press and release of a click. */
const SLACK = 5;
const KEY_STEP = 96;
/** Pixels a wheel's line stands for. */
const LINE = 30;

/** Starts listening on a canvas. */
export function listenToGestures(canvas: HTMLCanvasElement, target: GestureTarget): void {
  listenToPointers(canvas, target);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * wheelUnit(event, canvas);
      target.zoom(positionOf(canvas, event), Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => target.zoom(positionOf(canvas, event), event.shiftKey ? 0.5 : 2));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !pressKey(event, canvas, target)) return;
    event.preventDefault();
  });
}

/** Pixels to one of what a wheel counts in: pixels, lines, or pages, which are as high as the canvas. */
function wheelUnit({ deltaMode }: WheelEvent, { clientHeight }: HTMLCanvasElement): number {
  if (deltaMode === WheelEvent.DOM_DELTA_PAGE) return clientHeight;
  return deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
}

function positionOf(canvas: HTMLCanvasElement, { clientX, clientY }: MouseEvent): Position {
  const { left, top, width } = canvas.getBoundingClientRect();
  const ratio = canvas.width / Math.max(width, 1);
  return { x: (clientX - left) * ratio, y: (clientY - top) * ratio };
}

/** One pointer drags, two pinch. */
function listenToPointers(canvas: HTMLCanvasElement, target: GestureTarget): void {
  const held = new Map<number, Position>();
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    if (held.size === 0) travelled = 0;
    held.set(event.pointerId, positionOf(canvas, event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const [to, from] = [positionOf(canvas, event), held.get(event.pointerId)];
    if (!from) return target.point(to);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    travelled += Math.hypot(to.x - from.x, to.y - from.y);
    canvas.classList.toggle("dragging", travelled > SLACK);
    if (other) target.zoom(between(to, other), distance(to, other) / Math.max(distance(from, other), 1));
    const share = other ? 0.5 : 1; // the middle of two fingers moves half as far as one of them
    target.pan((to.x - from.x) * share, (to.y - from.y) * share);
    held.set(event.pointerId, to);
  });
  const release = (event: PointerEvent) => {
    if (!held.delete(event.pointerId) || held.size > 0) return;
    canvas.classList.remove("dragging");
    if (event.type === "pointerup" && travelled <= SLACK) target.choose(positionOf(canvas, event));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => target.point(undefined));
}

const between = (a: Position, b: Position): Position => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const distance = (a: Position, b: Position): number => Math.hypot(a.x - b.x, a.y - b.y);

/** Whether the key means something here. */
function pressKey(event: KeyboardEvent, canvas: HTMLCanvasElement, target: GestureTarget): boolean {
  const step = KEY_STEP * (event.shiftKey ? 4 : 1);
  const middle = { x: canvas.width / 2, y: canvas.height / 2 };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => target.pan(step, 0),
    ArrowRight: () => target.pan(-step, 0),
    ArrowUp: () => target.pan(0, step),
    ArrowDown: () => target.pan(0, -step),
    "+": () => target.zoom(middle, 2),
    "=": () => target.zoom(middle, 2),
    "-": () => target.zoom(middle, 0.5),
    "0": () => target.fit(),
    Enter: () => target.choose(middle),
    Escape: () => target.letGo(),
  };
  keys[event.key]?.();
  return event.key in keys;
}
