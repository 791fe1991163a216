/**
 * @file Resizing along one axis as a matrix [to, from], with PyTorch's conventions (aten/src/ATen/native/UpSample.h):
 * nearest floor(i from / to) in float32; bilinear half-pixel centres clamped; align_corners; bicubic with A = -0.75, taps clamped.
 */
import type { ResizeMode } from "./attrs.js";

/** Row-major [to, from]; every row sums to 1. */
export function resizeMatrix(from: number, to: number, mode: ResizeMode): Float32Array {
  const matrix = new Float32Array(to * from);
  const put = (row: number, column: number, weight: number) => {
    matrix[row * from + Math.min(Math.max(column, 0), from - 1)] += weight;
  };
  for (let i = 0; i < to; i++) for (const [column, weight] of taps(i, from, to, mode)) put(i, column, weight);
  return matrix;
}

function taps(i: number, from: number, to: number, mode: ResizeMode): [number, number][] {
  if (mode === "nearest") return [[nearestIndex(i, from, to), 1]];
  const half = (i + 0.5) * (from / to) - 0.5;
  if (mode === "bicubic") return cubicTaps(half);
  const centre = mode === "bilinear" ? Math.max(half, 0) : to > 1 ? (i * (from - 1)) / (to - 1) : 0;
  const low = Math.floor(centre);
  return [
    [low, 1 - (centre - low)],
    [low + 1, centre - low],
  ];
}

/** Which of `from` positions output i of `to` takes; torch rounds the ratio and the product to float32. */
export function nearestIndex(i: number, from: number, to: number): number {
  return Math.min(Math.floor(Math.fround(i * Math.fround(from / to))), from - 1);
}

const A = -0.75;

/** Keys' cubic kernel at the four neighbours. */
function cubicTaps(centre: number): [number, number][] {
  const low = Math.floor(centre);
  const t = centre - low;
  const near = (x: number) => ((A + 2) * x - (A + 3)) * x * x + 1;
  const far = (x: number) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
  return [
    [low - 1, far(t + 1)],
    [low, near(t)],
    [low + 1, near(1 - t)],
    [low + 2, far(2 - t)],
  ];
}
