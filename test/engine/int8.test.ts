/** @file Products with frozen matrices in int8: their arithmetic, what stays float32, and smoothing behind layer norms. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEngine, type Engine } from "../../src/engine/index.js";
import { lower } from "../../src/engine/onnx/lower.js";
import { type FrozenMatrix, frozenMatrix, quantizeMatrix, smoothingOf } from "../../src/engine/onnx/quantize.js";
import * as g from "../../src/graph/functions.js";
import type { Shape, Tensor, TensorData } from "../../src/graph/tensor.js";
import { cosineOf } from "../../src/int8.js";
import { assertClose } from "../support/close.js";
import { fill } from "../support/filler.js";

const [M, K, N] = [40, 24, 36];
const int8 = await createEngine("onnx", { threads: 1, precision: "int8" });
const fp32 = await createEngine("onnx", { threads: 1 });
const filled = (seed: number, shape: Shape): TensorData => ({
  data: fill(
    seed,
    shape.reduce((a, b) => a * b, 1),
  ),
  shape,
});
const constants = new Map([
  ["w", filled(1, [N, K])],
  ["b", filled(2, [N])],
]);
const linear = (x: Tensor) => g.add(g.matmul(x, g.transpose(g.param("w", [N, K]), [1, 0])), g.param("b", [N]));

async function run(engine: Engine, y: Tensor, weights: ReadonlyMap<string, TensorData>, x: TensorData, keep?: string) {
  const program = await engine.compile({ outputs: { y } }, { constants: weights, keep: (name) => name === keep });
  try {
    return (await program.run({ x })).y.data;
  } finally {
    await program.dispose();
  }
}

/** What ONNX says of DynamicQuantizeLinear: 0 is always exact, ties go to the even number. */
function quantizeActivations(x: TensorData["data"]): { scale: number; zero: number; values: number[] } {
  const [low, high] = [Math.min(0, ...x), Math.max(0, ...x)];
  const scale = Math.fround((high - low) / 255);
  const even = (v: number) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));
  const clamp = (v: number) => Math.min(255, Math.max(0, v));
  const zero = clamp(even(-low / scale));
  return { scale, zero, values: [...x].map((v) => clamp(even(v / scale) + zero)) };
}

test("a linear layer is the product of its quantised sides, scaled back, with its bias", async () => {
  const x = filled(3, [M, K]);
  const w = frozenMatrix(g.transpose(g.param("w", [N, K]), [1, 0]), constants) as FrozenMatrix;
  const { values, scales } = quantizeMatrix(w, 127);
  const a = quantizeActivations(x.data);
  const expected = Float32Array.from({ length: M * N }, (_, i) => {
    const [m, n] = [Math.floor(i / N), i % N];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += (a.values[m * K + k] - a.zero) * values[k * N + n];
    return sum * a.scale * scales[n] + (constants.get("b") as TensorData).data[n];
  });
  assertClose(await run(int8, linear(g.input("x", [M, K])), constants, x), expected, 1e-5, "int8 product");
});

test("a weight that is kept, one that is fed, and a product of constants are float32 to the bit", async () => {
  const x = filled(3, [M, K]);
  const y = linear(g.input("x", [M, K]));
  assert.deepEqual(await run(int8, y, constants, x, "w"), await run(fp32, y, constants, x));
  const fixed = g.add(g.input("x", [M, K]), g.matmul(g.param("b", [1, N]), g.param("w", [N, K])));
  const weights = new Map([...constants, ["b", { ...(constants.get("b") as TensorData), shape: [1, N] }]]);
  assert.deepEqual(await run(int8, fixed, weights, x), await run(fp32, fixed, weights, x));
  const fed = g.matmul(g.input("x", [M, K]), g.transpose(g.param("w", [N, K]), [1, 0]));
  for (const engine of [int8, fp32]) {
    const program = await engine.compile({ outputs: { y: fed } });
    assert.deepEqual([...program.feeds].sort(), ["w", "x"]);
    await program.dispose();
  }
});

test("every entry of a matrix is within half a step of its column, as it is or transposed, in 8 and 7 bits", () => {
  const data = fill(5, K * N);
  data.fill(0, 0, K); // a column of zeros
  const turned = data.map((_, i) => data[(i % N) * K + Math.floor(i / N)]); // [K, N]
  for (const largest of [127, 63]) {
    const { values, scales } = quantizeMatrix({ name: "", data, K, N, isTransposed: true }, largest);
    assert.deepEqual(quantizeMatrix({ name: "", data: turned, K, N, isTransposed: false }, largest), {
      values,
      scales,
    });
    assert.equal(Math.max(...values.map(Math.abs)), largest);
    for (const [i, value] of values.entries()) {
      const step = scales[i % N];
      assert.ok(Math.abs(value * step - turned[i]) <= 0.5001 * step, `entry ${i}`);
    }
  }
});

test("some rows of a parameter are quantised by themselves; other parts of one are not", () => {
  const qkv = g.param("w", [N, K]);
  const third = g.slice(qkv, [12, 0], [24, K]);
  const found = frozenMatrix(g.transpose(third, [1, 0]), constants);
  assert.deepEqual(found?.data, constants.get("w")?.data.slice(12 * K, 24 * K));
  assert.equal(frozenMatrix(g.transpose(g.slice(qkv, [0, 2], [N, 10]), [1, 0]), constants), undefined);
  assert.equal(frozenMatrix(g.transpose(g.param("other", [N, K]), [1, 0]), constants), undefined);
});

test("outlier channels of a layer norm are shared with the matrix behind it, at several times the precision", async () => {
  const gamma = fill(7, K).map((v) => 1 + 0.2 * v);
  gamma[3] = 60;
  gamma[11] = -40;
  const beta = fill(8, K).map((v) => 0.1 * v);
  const weights = new Map([...constants, ["g", { data: gamma, shape: [K] }], ["beta", { data: beta, shape: [K] }]]);
  const w = (weights.get("w") as TensorData).data as Float32Array;
  // weights are small where the norm is large, as in trained networks
  const calm = w.map((v, i) => (i % K === 3 ? v / 60 : i % K === 11 ? v / 40 : v));
  weights.set("w", { data: calm, shape: [N, K] });
  const x = filled(9, [4, M / 4, K]);
  const norm = g.layerNorm(g.input("x", x.shape), g.param("g", [K]), g.param("beta", [K]), 1e-6);
  const [smooth, rough] = [linear(g.reshape(norm, [M, K])), linear(g.reshape(g.mul(norm, g.splat(2)), [M, K]))];
  const lost = async (y: Tensor) => 1 - cosineOf(await run(fp32, y, weights, x), await run(int8, y, weights, x));
  const [withSmoothing, without] = [await lost(smooth), await lost(rough)]; // the doubling hides the norm
  assert.ok(withSmoothing < without / 4, `${withSmoothing} against ${without}`);
});

test("a norm whose channels are alike needs no smoothing; channels without weight do not make it infinite", () => {
  assert.equal(smoothingOf(new Float32Array(8).fill(1), new Float32Array(8)), undefined);
  const smoothing = smoothingOf(Float32Array.of(0, 1, 4), new Float32Array(3)) as Float32Array;
  assert.deepEqual([...smoothing], [0.01, 0.5, 1].map(Math.fround));
});

test("the float32 twin of a quantised weight is not stored", () => {
  const graph = { outputs: { y: g.matmul(g.input("x", [M, K]), g.transpose(g.param("w", [N, K]), [1, 0])) } };
  const bytes = (isWanted: boolean) =>
    lower(graph, { constants, int8: { largest: 127, isWanted: () => isWanted } }).initializers.reduce(
      (sum, { length }) => sum + length,
      0,
    );
  assert.ok(bytes(false) > 4 * K * N);
  assert.ok(bytes(true) < K * N + 4 * N + 200, `${bytes(true)} bytes`);
});

test("other devices and engines have no int8, and say so", async () => {
  const says = (place: RegExp) => ({ name: "SegError", message: place });
  await assert.rejects(
    createEngine("onnx", { precision: "int8", device: "cuda" }),
    says(/--precision int8: .*--device cuda/),
  );
  await assert.rejects(createEngine("tfjs", { precision: "int8" }), says(/--precision int8: .*--engine tfjs/));
});
