/**
 * @file Every op on both engines, value and gradients, against torch in float64 (test/fixtures/ops.py). Tolerance: 1e-5 (1 + max |expected|),
 * looser only where LOOSER says so; integers and booleans must be equal.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { createEngine, type Engine, type EngineOptions } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import { ancestors, grad } from "../../src/graph/grad.js";
import { rules } from "../../src/graph/ops/index.js";
import type { DType, Tensor, TensorData } from "../../src/graph/tensor.js";
import { sizeOf } from "../../src/graph/tensor.js";
import { assertClose, largest } from "../support/close.js";
import { fill, fillIntegers } from "../support/filler.js";
import { plainCases } from "./op-cases.js";
import { spatialCases } from "./op-cases-spatial.js";

interface InputSpec {
  readonly shape: number[];
  readonly scale?: number;
  readonly shift?: number;
  readonly step?: number;
  readonly fixed?: boolean;
  readonly below?: number;
  readonly dtype?: DType;
}
interface Golden {
  readonly seed: number;
  readonly inputs: InputSpec[];
  readonly shape: number[];
  readonly out: number[];
  readonly grads?: (number[] | null)[];
}

const goldens: Record<string, Golden> = JSON.parse(
  readFileSync(new URL("../fixtures/ops.json", import.meta.url), "utf8"),
);
const cases = { ...plainCases, ...spatialCases };

/** Why a case may be further off than the rest, as a factor on the tolerance. */
const LOOSER: Record<string, number> = {
  "batchNorm large mean": 4, // one-pass variance E[x^2] - E[x]^2 on onnx: (mean / std)^2 = 190 times the rounding of one value
};

/** Ops that have no gradient: leaves, comparisons, integers, and gradients of what is only differentiated once. */
const WITHOUT_GRADIENT = new Set([
  ...["input", "param", "constant", "splat", "sign", "greater", "greaterEqual", "equal", "logicalAnd", "logicalNot"],
  ...["cast", "isFinite", "stopGradient", "argMax", "argSort", "oneHot", "maxPool2dGrad", "batchNormInputGrad"],
  ...["batchNormParamGrad", "layerNormInputGrad", "layerNormParamGrad", "crossEntropyGrad"],
  ...["groupNormInputGrad", "groupNormParamGrad"],
]);

interface Built {
  readonly out: Tensor;
  readonly gradients: Record<string, Tensor>;
  readonly feeds: Record<string, TensorData>;
}

function valuesOf({ shape, below, shift = 0, scale = 2, step, dtype }: InputSpec, seed: number): TensorData["data"] {
  const count = sizeOf(shape);
  if (below !== undefined) {
    const numbers = fillIntegers(seed, count, below).map((value) => value + shift);
    return dtype === "uint8" ? Uint8Array.from(numbers) : numbers;
  }
  const numbers = fill(seed, count, scale).map((value) => value + shift);
  return step ? numbers.map((value) => Math.floor(value / step) * step) : numbers;
}

/** Traces a case; the first input is fed as an input, the other floats as parameters. */
function build(name: string): Built {
  const { seed, inputs, grads, out: expected } = goldens[name];
  const feeds: Record<string, TensorData> = {};
  const tensors = inputs.map((spec, i) => {
    feeds[`x${i}`] = { data: valuesOf(spec, seed + i), shape: spec.shape };
    return i === 0 || spec.dtype ? g.input(`x${i}`, spec.shape, spec.dtype) : g.param(`x${i}`, spec.shape);
  });
  const out = cases[name](...tensors);
  if (!grads) return { out, gradients: {}, feeds };
  feeds.cotangent = { data: fill(seed + 15, expected.length), shape: out.shape };
  const wrt = tensors.flatMap((tensor, i) => (grads[i] ? [{ tensor, i }] : []));
  const found = grad(
    g.sum(g.mul(out, g.input("cotangent", out.shape))),
    wrt.map(({ tensor }) => tensor),
  );
  return { out, gradients: Object.fromEntries(wrt.map(({ i }, at) => [`d${i}`, found[at]])), feeds };
}

async function execute(engine: Engine, outputs: Record<string, Tensor>, feeds: Record<string, TensorData>) {
  const program = await engine.compile({ outputs });
  const results = await program.run(Object.fromEntries(program.feeds.map((name) => [name, feeds[name]])));
  await program.dispose();
  return results;
}

function check(
  name: string,
  { data, shape }: TensorData,
  expected: readonly number[],
  wanted: readonly number[],
): void {
  assert.deepEqual([...shape], [...wanted], `${name}: shape`);
  const limit = data instanceof Float32Array ? 1e-5 * (1 + largest(expected)) * (LOOSER[name.split(":")[0]] ?? 1) : 0;
  assertClose(data, expected, limit, name);
}

async function checkCase(engine: Engine, name: string): Promise<void> {
  const { out, gradients, feeds } = build(name);
  const golden = goldens[name];
  check(`${name}: value`, (await execute(engine, { out }, feeds)).out, golden.out, golden.shape);
  if (!golden.grads) return;
  const both = await execute(engine, { out, ...gradients }, feeds);
  check(`${name}: value beside gradients`, both.out, golden.out, golden.shape);
  golden.grads.forEach((expected, i) => {
    if (expected) check(`${name}: gradient ${i}`, both[`d${i}`], expected, golden.inputs[i].shape);
  });
}

const VARIANTS: [string, Engine["name"], EngineOptions, (name: string) => boolean][] = [
  ["onnx", "onnx", {}, () => true],
  ["onnx without blocks", "onnx", { block: 0 }, () => true],
  ["tfjs", "tfjs", {}, () => true],
];

for (const [title, engineName, options, applies] of VARIANTS) {
  describe(`ops on ${title}`, async () => {
    const engine = await createEngine(engineName, { threads: 1, ...options });
    for (const name of Object.keys(goldens).filter(applies)) test(name, () => checkCase(engine, name));
  });
}

describe("coverage of the op table", () => {
  const differentiated = new Set<string>();
  const anywhere = new Set<string>();
  for (const name of Object.keys(goldens)) {
    const { out, gradients } = build(name);
    const used = ancestors([out]).map((x) => x.op);
    if (Object.keys(gradients).length) for (const op of used) differentiated.add(op);
    for (const x of ancestors([out, ...Object.values(gradients)])) anywhere.add(x.op);
  }
  test("fixture and graph know the same cases", () => {
    assert.deepEqual(Object.keys(cases).sort(), Object.keys(goldens).sort());
  });
  test("every op runs on each engine", () => {
    assert.deepEqual(Object.keys(rules).sort(), [...anywhere].sort());
  });
  test("every differentiable op has its gradient compared", () => {
    const missing = Object.keys(rules).filter((op) => !WITHOUT_GRADIENT.has(op) && !differentiated.has(op));
    assert.deepEqual(missing, []);
  });
  test("every op listed as without gradient exists", () => {
    assert.deepEqual(
      [...WITHOUT_GRADIENT].filter((op) => !(op in rules)),
      [],
    );
  });
});
