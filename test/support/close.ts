/** @file Comparison of numbers with a stated tolerance; a failure names the worst element. */
import assert from "node:assert/strict";

/** Fails unless |actual - expected| <= limit everywhere; NaN never passes. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, limit: number, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: number of values`);
  const { distance, at } = largestDifference(actual, expected);
  assert.ok(
    distance <= limit,
    `${what}: value ${at} is ${actual[at]}, expected ${expected[at]}; ${distance} apart, ${limit} allowed`,
  );
}

/** The largest |actual - expected|, NaN counting as infinite, and where it is. */
export function largestDifference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { distance: number; at: number } {
  let [distance, at] = [0, 0];
  for (let i = 0; i < actual.length; i++) {
    const here = Math.abs(actual[i] - expected[i]);
    if (here > distance || Number.isNaN(here)) [distance, at] = [Number.isNaN(here) ? Infinity : here, i];
  }
  return { distance, at };
}

/** Largest absolute value. */
export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
