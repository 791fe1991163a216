/** @file Memory prediction: its arithmetic on graphs small enough to count by hand, and one real process. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Arena } from "../../src/engine/onnx/arena.js";
import { planBuffers } from "../../src/engine/onnx/buffers.js";
import { lower } from "../../src/engine/onnx/lower.js";
import { memoryOf } from "../../src/engine/onnx/memory.js";
import { executionOrder } from "../../src/engine/onnx/order.js";
import type { EmittedNode, ValueInfo } from "../../src/engine/onnx/shapes.js";
import * as g from "../../src/graph/functions.js";
import type { Tensor } from "../../src/graph/tensor.js";

const MIB = 2 ** 20;
const node = (type: string, inputs: string[], outputs: string[]): EmittedNode => ({
  ...{ type, inputs, outputs, attributes: {}, domain: "" },
});
const floats = (names: string[], shape: number[]): [string, ValueInfo][] =>
  names.map((name) => [name, { shape, bytes: 4 }]);
const memory = (outputs: Record<string, Tensor>) => memoryOf(lower({ outputs }), 0);

describe("executionOrder", () => {
  it("goes depth first from the last result, through the input that was made last", () => {
    const nodes = [
      node("A", ["x"], ["a"]),
      node("B", ["x"], ["b"]),
      node("C", ["a", "b"], ["c"]),
      node("D", ["x"], ["d"]),
    ];
    assert.deepEqual(
      executionOrder(nodes).map(({ type }) => type),
      ["D", "B", "A", "C"],
    );
  });
});

describe("planBuffers", () => {
  const plan = (order: EmittedNode[], infos: [string, ValueInfo][], results: string[]) =>
    planBuffers({ order, infos: new Map(infos), results: new Set(results), scratch: () => 0 });
  const counts = (steps: ReturnType<typeof plan>) => steps.map(({ take, give }) => [take.length, give.length]);

  it("writes an elementwise op over an input nobody reads again, and shares views", () => {
    const order = [node("Transpose", ["x"], ["a"]), node("Relu", ["a"], ["b"]), node("Reshape", ["b", "s"], ["c"])];
    const last = node("Transpose", ["c"], ["y"]);
    const steps = plan([...order, last], floats(["x", "a", "b", "c", "y"], [2, 3]), ["y"]);
    assert.deepEqual(counts(steps), [
      [1, 0],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
  });

  it("keeps an input that is read again", () => {
    const order = [node("Transpose", ["x"], ["a"]), node("Relu", ["a"], ["b"]), node("Add", ["a", "b"], ["y"])];
    const steps = plan(order, floats(["x", "a", "b", "y"], [2, 3]), ["y"]);
    assert.deepEqual(counts(steps), [
      [1, 0],
      [1, 0],
      [1, 2],
    ]);
  });

  it("holds a dead buffer that a later value of its shape is given", () => {
    const [first, later, between] = [["a", "c"], [2, 3], [5]];
    const order = [
      node("Transpose", ["x"], ["a"]),
      node("ReduceSum", ["a"], ["b"]),
      node("Pad", ["b"], ["d"]),
      node("Expand", ["d"], ["c"]),
      node("Transpose", ["c"], ["y"]),
    ];
    const infos = [
      ...floats(["x", "y", ...(first as string[])], later as number[]),
      ...floats(["b", "d"], between as number[]),
    ];
    assert.deepEqual(counts(plan(order, infos, ["y"])), [
      [1, 0],
      [1, 0],
      [1, 1],
      [0, 1],
      [1, 1],
    ]);
  });
});

describe("Arena", () => {
  it("counts pages once, whatever is put there, and takes the smallest hole that fits", () => {
    const arena = new Arena();
    const [a, b] = [arena.take(MIB / 2), arena.take(MIB / 4)];
    arena.give(a);
    const c = arena.take(MIB / 4); // the rest of the first region is as small as it needs
    assert.equal(arena.touched, MIB);
    arena.give(b);
    arena.give(c);
    arena.take(MIB); // neighbours joined: the whole region
    assert.equal(arena.touched, MIB);
    arena.take(MIB);
    assert.equal(arena.touched, 2 * MIB);
  });
});

describe("memoryOf", () => {
  const [x, bytes] = [g.input("x", [256, 1024]), MIB];

  it("counts what is fed, results, and buffers on the way", () => {
    const y = g.relu(g.transpose(x, [1, 0]));
    assert.deepEqual(memory({ y }), { weights: 0, feeds: bytes, results: bytes, arena: 2 * bytes });
  });

  it("does not count what is dead: a chain of any length needs two buffers", () => {
    const chain = (length: number) => {
      let y: Tensor = x;
      for (let i = 0; i < length; i++) y = g.transpose(y, [1, 0]);
      return memory({ y: g.sum(y, [0, 1]) }).arena;
    };
    assert.equal(chain(9), chain(3));
    assert.ok(chain(9) < 2.1 * bytes);
  });

  it("counts all that is read again at the end", () => {
    const kept = [1, 2, 3, 4, 5].map((shift): Tensor => g.transpose(g.add(x, shift), [1, 0]));
    const first = kept.reduce((sum, value) => g.add(sum, value));
    const again = kept.reduceRight((sum, value) => g.mul(g.exp(sum), value), first);
    const { arena } = memory({ y: again });
    assert.ok(arena >= 6 * bytes && arena <= 8 * bytes, `${arena / bytes} buffers`);
  });
});

describe("predicted and measured memory", () => {
  it("agree within 25 % for a process that trains a small model", { timeout: 60_000 }, () => {
    const step = join(import.meta.dirname, "../../bench/speed/ours/step.ts");
    const size = ["--encoder", "resnet-test", "--size", "512", "--batch", "4", "--warm-up", "0", "--repeats", "2"];
    const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", step, ...size], { encoding: "utf8" });
    const lines = stdout.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
    const said = Object.assign({}, ...lines);
    assert.ok(said.peakBytes, stderr);
    const ratio = lines.find(({ figures }) => figures).figures.predictedBytes / said.peakBytes;
    assert.ok(ratio > 0.75 && ratio < 1.25, `predicted / measured is ${ratio.toFixed(2)}`);
  });
});
