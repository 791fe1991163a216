/** @file How many channels a block of the runtime's convolution layout has on this machine: the runtime is asked, by a map whose order tells. */
import { BLOCKED_DOMAIN } from "../../graph/ops/blocked.js";
import { onnxType } from "../../graph/ops/common.js";
import { type Ort, probe } from "./probe.js";
import { nodeProto } from "./proto.js";

/** Channels a block: 16 with AVX-512, 8 with AVX; 0 where the runtime has no such layout. Cached for the process. */
export function blockOf(ort: Ort): Promise<number> {
  found ??= ask(ort);
  return found;
}

let found: Promise<number> | undefined; // a fact of the machine

const CHANNELS = 16;
const PIXELS = 2;

async function ask(ort: Ort): Promise<number> {
  const shape = [1, CHANNELS, 1, PIXELS];
  const numbers = Float32Array.from({ length: CHANNELS * PIXELS }, (_, i) => i);
  const order = await probe(ort, {
    node: nodeProto("ReorderInput", ["x"], ["y"], {}, BLOCKED_DOMAIN),
    result: { type: onnxType.float32, shape },
    feeds: { x: { type: onnxType.float32, value: new ort.Tensor("float32", numbers, shape) } },
  });
  return order ? blockIn(order as Float32Array) : 0; // a build or a processor without the layout
}

/** Length of the run of first pixels: element c * PIXELS of the input at place c. */
function blockIn(order: Float32Array): number {
  const end = order.findIndex((value, c) => value !== c * PIXELS);
  return end === CHANNELS || end === CHANNELS / 2 ? end : 0;
}
