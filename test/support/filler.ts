/**
 * @file Test values from an integer hash that Python computes exactly too (test/fixtures/filler.py), so that fixtures hold
 * outputs only. Values lie in [-scale / 2, scale / 2); exact in float32 when scale is a power of two.
 */

/** 32-bit mix of (seed, index); the finaliser of MurmurHash3. */
export function hash32(seed: number, index: number): number {
  let h = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  return (h ^ (h >>> 16)) >>> 0;
}

/** `count` float32 values. */
export function fill(seed: number, count: number, scale = 2): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((hash32(seed, i) >>> 8) / 2 ** 24 - 0.5) * scale);
}

/** `count` integers in [0, below). */
export function fillIntegers(seed: number, count: number, below: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (hash32(seed, i) >>> 8) % below);
}
