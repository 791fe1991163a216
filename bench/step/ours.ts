/** @file The step of network.ts on the onnx engine, eight times. Prints a line a step: number, loss, seconds. */
import { onnxEngine } from "../../src/engine/onnx/index.js";
import { plainUnet } from "./network.js";

const STEPS = 8;

const stepOnce = await plainUnet(await onnxEngine({ threads: 2 }));
for (let step = 0; step < STEPS; step++) {
  const began = performance.now();
  const loss = await stepOnce();
  console.log("step", step, loss, ((performance.now() - began) / 1000).toFixed(3));
}
