/** @file Parameters filled by name alone, as test/fixtures/models.py fills them, and comparison with its summaries. */
import assert from "node:assert/strict";
import { type Shape, sizeOf, type TensorData } from "../../src/graph/tensor.js";
import { assertClose } from "./close.js";
import { fill, fillIntegers } from "./filler.js";

/** What a fixture keeps of a tensor: all of it up to 64 values, chosen entries beyond. */
export interface Summary {
  readonly shape: number[];
  readonly norm: number;
  readonly max: number;
  /** Largest error of torch's own float32. */
  readonly e32: number;
  readonly values: number[];
}

const FULL = 64;

/** FNV-1a of a name. */
export function nameSeed(name: string): number {
  let h = 0x811c9dc5;
  for (const byte of Buffer.from(name)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}

/** Norm weights and variances around 1, biases and means around 0, matrices and kernels scaled by their fan in. */
export function parameter(name: string, shape: Shape): TensorData {
  const [seed, count] = [nameSeed(name), sizeOf(shape)];
  const around = (centre: number, scale: number) => fill(seed, count, scale).map((value) => value + centre);
  if (name.endsWith("running_var")) return { data: around(1, 1), shape };
  if (shape.length < 2) return { data: name.endsWith("weight") ? around(1, 0.5) : around(0, 0.25), shape };
  const fanIn = sizeOf(shape.slice(1));
  let scale = 4;
  while (scale * scale * fanIn > 24) scale /= 2;
  return { data: fill(seed, count, scale), shape };
}

/** Allowed distance: 8 times torch's own float32 error, at least 1e-6 of the largest value, at most `cap` of it (or of 1). */
export function toleranceOf({ e32, max }: Summary, cap: number): number {
  return Math.min(Math.max(8 * e32, 1e-6 * max), cap);
}

/** Compares shape, chosen entries and norm. `limit`: of one entry; the norm may be off by as much in every entry. */
export function assertSummary({ data, shape }: TensorData, golden: Summary, name: string, limit: number): void {
  assert.deepEqual([...shape], golden.shape, `${name}: shape`);
  const count = sizeOf(shape);
  const whole = count <= FULL;
  const picked = whole ? data : [...fillIntegers(nameSeed(name), golden.values.length, count)].map((i) => data[i]);
  assertClose(picked, golden.values, limit, name);
  const norm = Math.sqrt(Float64Array.from(data).reduce((sum, value) => sum + value * value, 0));
  assertClose([norm], [golden.norm], limit * Math.sqrt(count), `${name}: norm`);
}
