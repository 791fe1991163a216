/** @file A picture being painted together with its labels: float RGB [H, W, 3] on the 0..255 scale and a class a pixel. */

export type Rgb = readonly [number, number, number];

export interface Canvas {
  readonly side: number;
  readonly rgb: Float32Array;
  readonly labels: Uint8Array;
}

export function canvas(side: number, label: number): Canvas {
  return { side, rgb: new Float32Array(side * side * 3), labels: new Uint8Array(side * side).fill(label) };
}

/** A rectangle, or an ellipse in it: centre, half extents and turn in pixels and radians. */
export interface Shape {
  readonly x: number;
  readonly y: number;
  readonly halfWidth: number;
  readonly halfHeight: number;
  readonly angle: number;
  readonly round?: boolean;
}

/** Calls `visit` for every pixel whose centre lies in the shape; u, v: place in it, -1..1 along its axes. */
export function covered(
  { side }: Canvas,
  { x, y, halfWidth, halfHeight, angle, round }: Shape,
  visit: (index: number, u: number, v: number) => void,
): void {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const reachX = Math.abs(cos) * halfWidth + Math.abs(sin) * halfHeight;
  const reachY = Math.abs(sin) * halfWidth + Math.abs(cos) * halfHeight;
  const [left, right] = [Math.max(0, Math.floor(x - reachX)), Math.min(side - 1, Math.ceil(x + reachX))];
  const [top, bottom] = [Math.max(0, Math.floor(y - reachY)), Math.min(side - 1, Math.ceil(y + reachY))];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const [dx, dy] = [column + 0.5 - x, row + 0.5 - y];
      const u = (cos * dx + sin * dy) / halfWidth;
      const v = (-sin * dx + cos * dy) / halfHeight;
      const inside = round ? u * u + v * v <= 1 : Math.abs(u) <= 1 && Math.abs(v) <= 1;
      if (inside) visit(row * side + column, u, v);
    }
  }
}

/** Sets one pixel's colour, times a brightness. */
export function put({ rgb }: Canvas, index: number, color: Rgb, light = 1): void {
  for (let band = 0; band < 3; band++) rgb[3 * index + band] = color[band] * light;
}

/** Darkens one pixel. */
export function dim({ rgb }: Canvas, index: number, light: number): void {
  for (let band = 0; band < 3; band++) rgb[3 * index + band] *= light;
}
