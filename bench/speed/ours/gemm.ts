/** @file The machine's fp32 GEMM peak as our engine reaches it: [4096, 768] x a frozen [768, 3072]. usage: tsx gemm.ts [--warm-up N] [--repeats N] [--threads N] */
import { createEngine } from "../../../src/engine/index.js";
import * as g from "../../../src/graph/functions.js";
import { measure, programArguments, say } from "../protocol.js";
import { noise } from "./plans.js";
import { timedEngine } from "./timed-engine.js";

const ROWS = 4096;
const INNER = 768;
const COLUMNS = 3072;

const { own: _, ...repeats } = programArguments({});
const timed = timedEngine(await createEngine("onnx", { threads: repeats.threads }));
const product = g.matmul(g.input("x", [ROWS, INNER]), g.param("w", [INNER, COLUMNS]));
const y = g.slice(product, [0, 0], [1, COLUMNS]); // one row leaves the engine: copying 48 MiB out is no part of a product
const constants = new Map([["w", noise([INNER, COLUMNS], "w")]]);
const program = await timed.engine.compile({ outputs: { y } }, { constants });
const x = noise([ROWS, INNER], "x");
say({ figures: { flops: timed.flops() } });
await measure(repeats, async () => {
  await program.run({ x });
  return timed.take();
});
