/** @file The embedded engine: ONNX Runtime through onnxruntime-node (npm; MIT). Runs fp32 on CPU; CUDA and WebGPU by option. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import { errorLine, SegError } from "../../errors.js";
import { writeScratchFile } from "../../files.js";
import { ancestors } from "../../graph/grad.js";
import type { DType, Tensor as GraphTensor, TensorData } from "../../graph/tensor.js";
import type { CompileOptions, Engine, EngineOptions, Graph, Program } from "../engine.js";
import { blockOf } from "./block.js";
import { type Initializer, type Lowered, type LowerOptions, lower } from "./lower.js";
import { memoryOf } from "./memory.js";
import { modelProto } from "./proto.js";
import { weightRange } from "./quantize-range.js";

type Ort = typeof import("onnxruntime-common");
/**
 * A product with its bias as one Gemm is slower than the product, and keeps the bias from being fused into GELU. ReshapeFusion fails on a barrier
 * (ops/schedule.ts) that a reshape follows.
 */
const UNWANTED = "MatMulAddFusion;ReshapeFusion";

type Device = NonNullable<EngineOptions["device"]>;

/** Protobuf refuses messages of 2 GiB; weights beyond this go into a file beside an exported model. */
export const INLINE_LIMIT = 1.9 * 2 ** 30;

/** Weights beyond this are handed to the session through a file: inside the model they would be held four times while it loads. */
const THROUGH_FILE = 32 * 2 ** 20;

/** The ONNX Runtime engine; a device that does not initialise is an error that says what is missing. */
export async function onnxEngine(options: EngineOptions = {}): Promise<Engine> {
  const ort = (await import("onnxruntime-node")) as unknown as Ort & {
    env: { versions: { node?: string; common: string } };
  };
  const { device = "cpu", threads = availableParallelism(), precision = "fp32" } = options;
  const { block = device === "cpu" ? await blockOf(ort) : 0 } = options;
  if (device !== "cpu") await probe(ort, device);
  const session: InferenceSession.SessionOptions = {
    executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    graphOptimizationLevel: "all",
    enableMemPattern: false, // planned blocks come on top of what the first run took (bench/speed)
    extra: { optimization: { disable_specified_optimizers: UNWANTED } },
  };
  const largest = precision === "int8" ? await weightRange(ort) : undefined;
  const settings = ({ constants, keep = () => false }: CompileOptions): LowerOptions => ({
    ...{ constants, block },
    int8: largest === undefined ? undefined : { largest, isWanted: (name) => !keep(name) },
  });
  const version = ort.env.versions.node ?? ort.env.versions.common;
  return {
    name: "onnx",
    description: `onnxruntime-node ${version}, ${device}, ${threads} thread(s)${precision === "fp32" ? "" : `, ${precision}`}`,
    precision,
    compile: (graph, compileOptions = {}) => compile(ort, session, graph, settings(compileOptions)),
    predictMemory: (graph, compileOptions = {}) => memoryOf(lower(graph, settings(compileOptions)), block),
  };
}

/** Makes a session of a one-node model on the device: the only reliable sign that it is there. */
async function probe(ort: Ort, device: Device): Promise<void> {
  const { input, neg } = await import("../../graph/functions.js");
  const bytes = modelProto(lower({ outputs: { y: neg(input("x", [1])) } }), "sam-seg").finish();
  try {
    const session = await ort.InferenceSession.create(bytes, { executionProviders: [device], logSeverityLevel: 4 });
    await session.release();
  } catch (error) {
    const remedy =
      device === "cuda"
        ? "install onnxruntime-node's CUDA files (README, GPU) or use --device cpu"
        : "use --device cpu";
    throw new SegError(`--device ${device}`, `is not available here (${errorLine(error).slice(0, 200)})`, remedy, 2, {
      cause: error,
    });
  }
}

async function compile(
  ort: Ort,
  options: InferenceSession.SessionOptions,
  graph: Graph,
  settings: LowerOptions,
): Promise<Program> {
  if (frozenBytes(graph, settings.constants) < THROUGH_FILE) {
    const lowered = lower(graph, settings);
    return program(ort, await ort.InferenceSession.create(modelProto(lowered, "sam-seg").finish(), options), lowered);
  }
  return compileThroughFile(ort, options, graph, settings);
}

/** Bytes of the constants a graph reads. */
function frozenBytes({ outputs }: Graph, constants: LowerOptions["constants"] = new Map()): number {
  let bytes = 0;
  for (const tensor of ancestors(Object.values(outputs)))
    if (tensor.op === "param")
      bytes += constants.get((tensor as GraphTensor<"param">).attrs.name)?.data.byteLength ?? 0;
  return bytes;
}

/** Model and weights as files in a temporary folder, removed once the session has read them. */
async function compileThroughFile(
  ort: Ort,
  options: InferenceSession.SessionOptions,
  graph: Graph,
  settings: LowerOptions,
): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), "sam-seg-"));
  try {
    const path = join(folder, "model.onnx");
    const { lowered, model, data } = modelBesideData(graph, settings, "model.onnx.data");
    await writeScratchFile(`${path}.data`, data);
    await writeScratchFile(path, model);
    return program(ort, await ort.InferenceSession.create(path, options), lowered);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A graph as the chunks of two files: the model, and its large initializers, which it looks for beside itself at `location`. */
export function modelBesideData(
  graph: Graph,
  settings: LowerOptions,
  location: string,
  metadata: Record<string, string> = {},
): { readonly lowered: Lowered; readonly model: readonly Uint8Array[]; readonly data: Iterable<Uint8Array> } {
  const outside: Initializer[] = [];
  let offset = 0;
  const external = (initializer: Initializer) => {
    const place = { location, offset, length: initializer.length };
    outside.push(initializer);
    offset += initializer.length;
    return place;
  };
  const lowered = lower(graph, { ...settings, external });
  return { lowered, model: modelProto(lowered, "sam-seg", metadata).chunks, data: bytesOf(outside) };
}

/** One after the other, so that those made for the file are not held. */
function* bytesOf(initializers: readonly Initializer[]): Generator<Uint8Array> {
  for (const { bytes } of initializers) yield bytes();
}

function program(ort: Ort, session: InferenceSession, lowered: Lowered): Program {
  const types = new Map(lowered.feeds.map(({ name, dtype }) => [name, dtype]));
  const shapes = new Map(lowered.results.map(({ name, shape }) => [name, shape]));
  return {
    feeds: lowered.feeds.map(({ name }) => name),
    async run(feeds) {
      const inputs: Record<string, OrtTensor> = {};
      for (const [name, dtype] of types) inputs[name] = toOrt(ort, name, dtype, feeds[name]);
      const outputs = await session.run(inputs);
      const results: Record<string, TensorData> = {};
      for (const [name, shape] of shapes) results[name] = { data: outputs[name].data as Float32Array, shape };
      return results;
    },
    dispose: () => session.release(),
  };
}

function toOrt(ort: Ort, name: string, dtype: DType, value: TensorData | undefined): OrtTensor {
  if (!value) throw new Error(`internal: nothing was fed for ${name}`);
  return new ort.Tensor(dtype, value.data as Float32Array, [...value.shape]);
}
