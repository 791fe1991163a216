/** @file Asks the runtime what it does on this machine: a model of one node is run once. */
import type { Tensor } from "onnxruntime-common";
import type { Shape } from "../../graph/tensor.js";
import { type Message, modelProto, valueInfo } from "./proto.js";

export type Ort = typeof import("onnxruntime-common");

/** One node, its result `y`, and what it is fed. */
export interface Probe {
  readonly node: Message;
  readonly result: { readonly type: number; readonly shape: Shape };
  readonly feeds: Readonly<Record<string, { readonly type: number; readonly value: Tensor }>>;
}

/** The result's numbers; undefined where the runtime refuses the node. */
export async function probe(ort: Ort, { node, result, feeds }: Probe): Promise<Tensor["data"] | undefined> {
  const model = modelProto(
    {
      nodes: [node],
      initializers: [],
      inputs: Object.entries(feeds).map(([name, { type, value }]) => valueInfo(name, type, value.dims)),
      outputs: [valueInfo("y", result.type, result.shape)],
    },
    "sam-seg",
  );
  const options = { executionProviders: ["cpu"], logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
  const session = await ort.InferenceSession.create(model.finish(), options).catch(() => undefined);
  if (!session) return undefined;
  const values = Object.fromEntries(Object.entries(feeds).map(([name, { value }]) => [name, value]));
  const { y } = await session.run(values);
  await session.release();
  return y.data;
}
