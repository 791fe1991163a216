/** @file Elementwise loops compute what the ONNX engine computes, bit for bit, in arrays they share; and say where a value is not finite. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileLoops } from "../../src/engine/elementwise/index.js";
import { onnxEngine } from "../../src/engine/onnx/index.js";
import * as g from "../../src/graph/functions.js";
import { fill } from "../support/filler.js";

const EXTENT = 16;
const [x, y, scale] = [g.input("x", [EXTENT]), g.input("y", [EXTENT]), g.input("scale", [])];
const mixed = g.div(g.sub(g.mul(x, scale), g.square(y)), g.add(g.sqrt(g.square(x)), 0.1));

function loopsOf(outputs: Parameters<typeof compileLoops>[1][string]["outputs"], watched = Object.values(outputs)) {
  const loops = compileLoops(EXTENT, { only: { outputs, watched } });
  loops.values.get("x")?.set(fill(1, EXTENT));
  loops.values.get("y")?.set(fill(2, EXTENT));
  loops.values.get("scale")?.fill(0.3);
  return loops;
}

describe("elementwise loops", () => {
  test("compute what the ONNX engine computes, to the last bit", async () => {
    const program = await (await onnxEngine({ threads: 1 })).compile({ outputs: { mixed } });
    const expected = await program.run({
      x: { data: fill(1, EXTENT), shape: [EXTENT] },
      y: { data: fill(2, EXTENT), shape: [EXTENT] },
      scale: { data: Float32Array.of(0.3), shape: [] },
    });
    const loops = loopsOf({ x: mixed });
    assert.equal(loops.run("only", EXTENT), true);
    assert.deepEqual(loops.values.get("x"), expected.mixed.data);
    await program.dispose();
  });

  test("read every input before an output takes its array, and leave what is behind the count", () => {
    const loops = loopsOf({ x: y, y: x });
    loops.run("only", 4);
    const [a, b] = [fill(1, EXTENT), fill(2, EXTENT)];
    assert.deepEqual(loops.values.get("x"), Float32Array.of(...b.subarray(0, 4), ...a.subarray(4)));
    assert.deepEqual(loops.values.get("y"), Float32Array.of(...a.subarray(0, 4), ...b.subarray(4)));
  });

  for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, -3e38]) {
    for (let at = 0; at < 8; at++)
      test(`see ${poison} at ${at}, and are well again without it`, () => {
        const loops = loopsOf({}, [mixed, g.square(y)]);
        assert.equal(loops.run("only", 8), true);
        loops.values.get("y")![at] = poison;
        assert.equal(loops.run("only", 8), false);
        loops.values.get("y")![at] = 1;
        assert.equal(loops.run("only", 8), true);
      });
  }

  test("an operation there is no loop for is an error", () => {
    assert.throws(() => loopsOf({ x: g.tanh(x) }), /internal: no elementwise loop for tanh/);
  });
});
