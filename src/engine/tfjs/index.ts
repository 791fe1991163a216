/**
 * @file The TensorFlow.js engine: interprets the graph with forward ops on whichever of @tensorflow/tfjs-node-gpu, tfjs-node
 * or tfjs is installed (optional peers). Tensors are disposed as soon as their last user has run.
 */
import { EXIT, errorLine, SegError } from "../../errors.js";
import type { OpName } from "../../graph/attrs.js";
import { ancestors } from "../../graph/grad.js";
import { ruleOf } from "../../graph/node.js";
import { tfType } from "../../graph/ops/common.js";
import { simplify } from "../../graph/passes/index.js";
import type { Tf } from "../../graph/rule.js";
import type { DType, Shape, Tensor, TensorData } from "../../graph/tensor.js";
import type { TfOps, TfTensor } from "../../graph/tf.js";
import type { CompileOptions, Engine, EngineOptions, Graph, Program } from "../engine.js";

/** What the engine needs of tfjs besides the ops. */
interface TfRuntime extends TfOps {
  readonly version: Readonly<Record<string, string>>;
  ready(): Promise<void>;
  getBackend(): string;
  tensor(
    values: Float32Array | Int32Array | Uint8Array,
    shape: number[],
    dtype: string,
  ): TfTensor & { dataSync(): Float32Array | Int32Array | Uint8Array };
  tidy<T>(body: () => T): T;
  keep<T extends TfTensor>(x: T): T;
}

const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node", "@tensorflow/tfjs"];

/** The TensorFlow.js engine; an error names the packages when none is installed, or the one that is broken. `load`: for tests. */
export async function tfjsEngine(
  { device = "cpu" }: EngineOptions = {},
  load: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<Engine> {
  const { tf, name } = await loadTf(load);
  if (device === "webgpu" || (device === "cuda" && name !== PACKAGES[0])) {
    throw new SegError(
      `--device ${device}`,
      `is not what ${name} runs on`,
      "install @tensorflow/tfjs-node-gpu for cuda, or use --device cpu",
    );
  }
  await tf.ready();
  return {
    name: "tfjs",
    description: `${name} ${tf.version["tfjs-core"]}, backend ${tf.getBackend()}`,
    precision: "fp32",
    compile: (graph, options) => Promise.resolve(compile(tf, graph, options ?? {})),
  };
}

async function loadTf(load: (name: string) => Promise<unknown>): Promise<{ tf: TfRuntime; name: string }> {
  for (const name of PACKAGES) {
    try {
      const loaded = (await load(name)) as { default?: TfRuntime } & TfRuntime;
      return { tf: loaded.default?.matMul ? loaded.default : loaded, name };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") continue;
      const reason = `${name} is installed but cannot be loaded (${errorLine(error).slice(0, 200)})`;
      const remedy = `npm rebuild ${name}, or remove it so that another package or --engine onnx is used`;
      throw new SegError("--engine tfjs", reason, remedy, EXIT.usage, { cause: error });
    }
  }
  throw new SegError("--engine tfjs", "TensorFlow.js is not installed", `npm install one of: ${PACKAGES.join(", ")}`);
}

function compile(tf: TfRuntime, given: Graph, { constants }: CompileOptions): Program {
  const graph = { outputs: simplify(given.outputs) };
  const order = ancestors(Object.values(graph.outputs));
  const feeds = [...new Set(order.flatMap((x) => feedName(x, constants)))];
  const lastUse = new Map<Tensor, number>();
  order.forEach((x, i) => {
    for (const input of x.inputs) lastUse.set(input, i);
  });
  for (const output of Object.values(graph.outputs)) lastUse.set(output, order.length);
  return {
    feeds,
    run: (values) =>
      Promise.resolve(interpret(tf, graph, order, lastUse, { ...Object.fromEntries(constants ?? []), ...values })),
    dispose: () => Promise.resolve(),
  };
}

function feedName(x: Tensor, constants: CompileOptions["constants"]): string[] {
  if (x.op === "input") return [(x as Tensor<"input">).attrs.name];
  if (x.op !== "param") return [];
  const { name } = (x as Tensor<"param">).attrs;
  return constants?.has(name) ? [] : [name];
}

function interpret(
  tf: TfRuntime,
  graph: Graph,
  order: readonly Tensor[],
  lastUse: ReadonlyMap<Tensor, number>,
  values: Readonly<Record<string, TensorData>>,
): Record<string, TensorData> {
  const live = new Map<Tensor, TfTensor>();
  const users = new Map<TfTensor, number>(); // several graph values may be one tfjs tensor (identity ops)
  const fed = (name: string, shape: Shape, dtype: DType) => {
    if (!values[name]) throw new Error(`internal: nothing was fed for ${name}`);
    return tf.tensor(asTf(values[name].data, dtype), [...shape], tfType[dtype]);
  };
  const access: Tf = {
    tf,
    input: ({ attrs, shape, dtype }) => fed(attrs.name, shape, dtype),
    param: ({ attrs, shape }) => fed(attrs.name, shape, "float32"),
    constant: ({ data, shape }) =>
      tf.tensor(
        asTf(data, data instanceof Float32Array ? "float32" : "int32"),
        [...shape],
        data instanceof Float32Array ? "float32" : "int32",
      ),
  };
  order.forEach((x, i) => {
    const inputs = x.inputs.map((input) => live.get(input) as TfTensor);
    const result = tf.tidy(() => tf.keep(ruleOf<OpName>(x.op).tfjs(access, inputs, x)));
    live.set(x, result);
    users.set(result, (users.get(result) ?? 0) + 1);
    for (const input of new Set(x.inputs)) if (lastUse.get(input) === i) release(live, users, input);
  });
  const results = Object.entries(graph.outputs).map(([name, x]) => [name, toData(live.get(x) as TfTensor, x)] as const);
  for (const x of [...live.keys()]) release(live, users, x);
  return Object.fromEntries(results);
}

function release(live: Map<Tensor, TfTensor>, users: Map<TfTensor, number>, x: Tensor): void {
  const value = live.get(x) as TfTensor;
  live.delete(x);
  const left = (users.get(value) ?? 1) - 1;
  users.set(value, left);
  if (left === 0) value.dispose();
}

function asTf(data: TensorData["data"], dtype: DType): TensorData["data"] {
  if (dtype === "float32" || data instanceof Int32Array) return data;
  return dtype === "bool" ? data : Int32Array.from(data);
}

function toData(value: TfTensor, { shape, dtype }: Tensor): TensorData {
  const data = (value as TfTensor & { dataSync(): TensorData["data"] }).dataSync();
  return { data: dtype === "float32" || dtype === "int32" ? data.slice() : Uint8Array.from(data), shape };
}
