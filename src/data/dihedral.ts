/** @file The eight symmetries of the square, as source maps: view v turns by (v mod 4) quarter turns, views 4..7 mirror first. */
import { type Affine, compose, IDENTITY } from "./warp.js";

/** Whether a view swaps width and height. */
export const swapsSides = (view: number): boolean => view % 2 === 1;

/** Source map of a view of a width x height image. */
export function dihedral(view: number, width: number, height: number): Affine {
  const mirror: Affine = view >= 4 ? { a: -1, b: 0, c: 0, d: 1, tx: width, ty: 0 } : IDENTITY;
  return compose(mirror, quarterTurns(view % 4, width, height));
}

/** Turns counter-clockwise. */
function quarterTurns(turns: number, width: number, height: number): Affine {
  switch (turns) {
    case 1:
      return { a: 0, b: -1, c: 1, d: 0, tx: width, ty: 0 };
    case 2:
      return { a: -1, b: 0, c: 0, d: -1, tx: width, ty: height };
    case 3:
      return { a: 0, b: 1, c: -1, d: 0, tx: 0, ty: height };
    default:
      return IDENTITY;
  }
}
