/** @file Rings as lists of positions that touch themselves: which way to go on at a point, and their parts that pass no point twice. Units: degrees. */

/** Longitude and latitude. */
export type Position = readonly [number, number];

/** Angle at a point from one position clockwise to another, 0..2 pi. */
export function turnFrom([x, y]: Position, from: Position, to: Position): number {
  const turn = Math.atan2(from[1] - y, from[0] - x) - Math.atan2(to[1] - y, to[0] - x);
  return turn < 0 ? turn + 2 * Math.PI : turn;
}

/** A ring as rings that pass no point twice: where it touches itself on the line it is parted. */
export function simpleLoops(ring: readonly Position[]): Position[][] {
  const loops: Position[][] = [];
  const path: Position[] = [];
  const places = new Map<string, number>();
  for (const position of [...ring, ring[0]]) {
    const place = places.get(String(position));
    if (place !== undefined) {
      const loop = path.splice(place + 1);
      for (const passed of loop) places.delete(String(passed));
      if (loop.length >= 2) loops.push([position, ...loop]);
    } else {
      places.set(String(position), path.length);
      path.push(position);
    }
  }
  return loops;
}
