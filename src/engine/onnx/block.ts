/** @file How many channels a block of the runtime's convolution layout has on this machine: the runtime is asked, by a map whose order tells. */
import { BLOCKED_DOMAIN } from "../../graph/ops/blocked.js";
import { onnxType } from "../../graph/ops/common.js";
import { modelProto, nodeProto, valueInfo } from "./proto.js";

type Ort = typeof import("onnxruntime-common");

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
  const model = modelProto(
    {
      nodes: [nodeProto("ReorderInput", ["x"], ["y"], {}, BLOCKED_DOMAIN)],
      initializers: [],
      inputs: [valueInfo("x", onnxType.float32, shape)],
      outputs: [valueInfo("y", onnxType.float32, shape)],
    },
    "sam-seg",
  );
  const options = { executionProviders: ["cpu"], logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
  const session = await ort.InferenceSession.create(model.finish(), options).catch(() => undefined);
  if (!session) return 0; // a build or a processor without the layout
  const numbers = Float32Array.from({ length: CHANNELS * PIXELS }, (_, i) => i);
  const { y } = await session.run({ x: new ort.Tensor("float32", numbers, shape) });
  await session.release();
  return blockIn(y.data as Float32Array);
}

/** Length of the run of first pixels: element c * PIXELS of the input at place c. */
function blockIn(order: Float32Array): number {
  const end = order.findIndex((value, c) => value !== c * PIXELS);
  return end === CHANNELS || end === CHANNELS / 2 ? end : 0;
}
