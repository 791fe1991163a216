/**
 * @file The layout in blocks of the runtime's own convolutions computes what plain ONNX computes: on maps large enough that the
 * lowerings choose it, each op forward and backward with and without it. Small maps are compared with torch in ops.test.ts.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { onnxEngine } from "../../src/engine/onnx/index.js";
import { lower } from "../../src/engine/onnx/lower.js";
import * as g from "../../src/graph/functions.js";
import { grad } from "../../src/graph/grad.js";
import { BLOCKED_DOMAIN } from "../../src/graph/ops/blocked.js";
import type { Shape, Tensor, TensorData } from "../../src/graph/tensor.js";
import { filled } from "../support/traced.js";

type Network = (inputs: readonly Tensor[]) => Tensor;
const attrs = { groups: 4, epsilon: 1e-5 };

/** Shapes of the inputs, and what is made of them; the first is the image. */
const CASES: Readonly<Record<string, readonly [readonly Shape[], Network]>> = {
  "convolution of an image": [
    [
      [1, 3, 64, 64],
      [16, 3, 3, 3],
    ],
    ([x, w]) => g.conv2d(x, w, { padding: 1 }),
  ],
  "strided convolution": [
    [
      [1, 3, 160, 160],
      [32, 3, 7, 7],
    ],
    ([x, w]) => g.conv2d(x, w, { padding: 3, stride: 2 }),
  ],
  "to and from part of a block": [
    [
      [2, 12, 64, 64],
      [20, 12, 3, 3],
    ],
    ([x, w]) => g.conv2d(x, w, { padding: 1 }),
  ],
  "dilated convolution": [
    [
      [1, 16, 64, 64],
      [16, 16, 3, 3],
    ],
    ([x, w]) => g.conv2d(x, w, { padding: 2, dilation: 2 }),
  ],
  "uneven padding": [
    [
      [1, 16, 64, 66],
      [32, 16, 3, 2],
    ],
    ([x, w]) => g.conv2d(x, w, { padding: [1, 0, 1, 1] }),
  ],
  "narrowing convolution": [
    [
      [2, 48, 64, 64],
      [16, 48, 3, 3],
    ],
    ([x, w]) => g.conv2d(x, w, { padding: 1 }),
  ],
  "pointwise convolution": [
    [
      [1, 32, 64, 64],
      [16, 32, 1, 1],
    ],
    ([x, w]) => g.conv2d(x, w),
  ],
  "small maps of a batch": [
    [
      [8, 32, 8, 8],
      [48, 32, 3, 3],
      [16, 48, 3, 3],
    ],
    ([x, w, v]) => g.conv2d(g.conv2d(x, w, { padding: 1 }), v, { padding: 1 }),
  ],
  "upsampling convolution": [
    [
      [1, 32, 64, 64],
      [16, 32, 3, 3],
    ],
    ([x, w]) => g.upsampleConv2d(x, w),
  ],
  "upsampling to part of a block": [
    [
      [1, 16, 64, 64],
      [12, 16, 3, 3],
    ],
    ([x, w]) => g.upsampleConv2d(x, w),
  ],
  "batch norm and ReLU": [
    [[2, 16, 64, 64], [32, 16, 3, 3], [32], [32]],
    ([x, w, gamma, beta]) => g.relu(g.batchNorm(g.conv2d(x, w, { padding: 1 }), gamma, beta, 1e-5)),
  ],
  "a few channels": [
    [[1, 4, 64, 64], [4, 4, 3, 3], [4], [4], [16, 4, 3, 3]],
    ([x, w, gamma, beta, v]) => {
      const y = g.relu(g.batchNorm(g.upsampleConv2d(x, w), gamma, beta, 1e-5));
      return g.add(g.conv2d(y, v, { padding: 1 }), g.sum(y, 1, true));
    },
  ],
  "given statistics": [
    [[1, 16, 64, 64], [32, 16, 3, 3], [32], [32]],
    ([x, w, gamma, beta]) =>
      g.relu(g.channelNorm(g.conv2d(x, w, { padding: 1 }), beta, g.square(gamma), gamma, beta, 1e-5)),
  ],
  "group norm": [
    [[2, 16, 64, 64], [32, 16, 3, 3], [32], [32]],
    ([x, w, gamma, beta]) => g.relu(g.groupNorm(g.conv2d(x, w, { padding: 1 }), gamma, beta, attrs)),
  ],
  "layer norm of a map": [
    [[1, 16, 64, 64], [32, 16, 3, 3], [32], [32], [16, 32, 3, 3]],
    ([x, w, gamma, beta, v]) => {
      const last = g.transpose(g.conv2d(x, w, { padding: 1 }), [0, 2, 3, 1]);
      return g.conv2d(g.transpose(g.layerNorm(last, gamma, beta, 1e-6), [0, 3, 1, 2]), v, { padding: 1 });
    },
  ],
  "attention over a large grid": [
    [
      [1, 2304, 32],
      [1, 2304, 32],
      [1, 2304, 24],
      [1, 2304, 2, 48],
      [1, 2304, 2, 48],
    ],
    ([q, k, v, rows, columns]) =>
      g.gridAttention(q, k, v, rows, columns, { heads: 2, height: 48, width: 48, scale: 0.25 }),
  ],
  "a sum of branches": [
    [
      [1, 16, 64, 64],
      [16, 16, 3, 3],
      [16, 16, 1, 1],
    ],
    ([x, w, v]) => g.relu(g.add(g.add(g.conv2d(x, w, { padding: 1 }), g.conv2d(x, v)), x)),
  ],
};

/** Value and gradients, of the sum of the result times fixed numbers. */
function outputsOf(name: string): { outputs: Record<string, Tensor>; feeds: Record<string, TensorData> } {
  const [shapes, network] = CASES[name];
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape));
  const y = network(inputs);
  const loss = g.sum(g.mul(y, g.constant(filled(99, y.shape, 1))));
  const outputs: Record<string, Tensor> = { y };
  grad(loss, inputs).forEach((value, i) => {
    outputs[`gradient ${i}`] = value;
  });
  const feeds = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, filled(i + 1, shape, 1)]));
  return { outputs, feeds };
}

/** Largest difference over the largest value. */
function apart(a: TensorData, b: TensorData): number {
  let [most, difference] = [0, 0];
  a.data.forEach((value, i) => {
    most = Math.max(most, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - b.data[i]));
  });
  return difference / most;
}

describe("convolutions in blocks", async () => {
  const [plain, blocks] = await Promise.all([onnxEngine({ threads: 2, block: 0 }), onnxEngine({ threads: 2 })]);
  for (const name of Object.keys(CASES)) {
    test(name, async () => {
      const { outputs, feeds } = outputsOf(name);
      const [a, b] = await Promise.all(
        [plain, blocks].map(async (engine) => (await engine.compile({ outputs })).run(feeds)),
      );
      for (const key of Object.keys(outputs))
        assert.ok(apart(a[key], b[key]) < 2e-5, `${key}: ${apart(a[key], b[key])}`);
    });
  }

  test("are chosen for the cases where there is a layout, and never where there is none", () => {
    const blockedNodes = (name: string, block: number) =>
      lower({ outputs: outputsOf(name).outputs }, { block }).emitted.filter(
        ({ type, domain }) => type === "Conv" && domain === BLOCKED_DOMAIN,
      ).length;
    for (const name of Object.keys(CASES)) {
      const isPlain = /^(attention|upsampling to part)/.test(name); // in strips; phases that would not be whole blocks
      assert.equal(blockedNodes(name, 16) > 0, !isPlain, name);
      assert.equal(blockedNodes(name, 0), 0, name);
    }
  });
});
