/**
 * @file What part of the map is on the screen. Map positions are in pixels of the full map, edges at whole numbers; screen positions in device
 * pixels of the canvas from its top left.
 */

/** The map position in the middle of the screen, and device pixels to one map pixel. */
export interface Viewport {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Position {
  readonly x: number;
  readonly y: number;
}

/** Device pixels to one map pixel, at most. */
export const MOST_ZOOM = 64;

/** The whole map with a little room around it. */
export function fit(map: Size, screen: Size): Viewport {
  const zoom = Math.min((0.96 * screen.width) / map.width, (0.96 * screen.height) / map.height, MOST_ZOOM);
  return { x: map.width / 2, y: map.height / 2, zoom };
}

/** Zooms by a factor so that what lies under a screen position stays there. */
export function zoomAt(view: Viewport, map: Size, screen: Size, at: Position, factor: number): Viewport {
  const least = Math.min(fit(map, screen).zoom / 4, 1);
  const zoom = Math.min(Math.max(view.zoom * factor, least), MOST_ZOOM);
  const under = toMap(view, screen, at);
  const x = under.x - (at.x - screen.width / 2) / zoom;
  const y = under.y - (at.y - screen.height / 2) / zoom;
  return keepInside({ x, y, zoom }, map);
}

/** Moves the map by so many device pixels. */
export function pan(view: Viewport, map: Size, dx: number, dy: number): Viewport {
  return keepInside({ ...view, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom }, map);
}

/** The middle of the screen never leaves the map, so that the map cannot be lost. */
function keepInside({ x, y, zoom }: Viewport, { width, height }: Size): Viewport {
  return { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height), zoom };
}

/** The map position under a screen position. */
export const toMap = (view: Viewport, screen: Size, { x, y }: Position): Position => ({
  x: view.x + (x - screen.width / 2) / view.zoom,
  y: view.y + (y - screen.height / 2) / view.zoom,
});

/** The screen position of a map position. */
export const toScreen = (view: Viewport, screen: Size, { x, y }: Position): Position => ({
  x: (x - view.x) * view.zoom + screen.width / 2,
  y: (y - view.y) * view.zoom + screen.height / 2,
});
