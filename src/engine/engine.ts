/** @file What an engine is: it compiles a graph once and runs it many times on data. */
import type { Tensor, TensorData } from "../graph/tensor.js";

/** Outputs by name; everything they depend on is the graph. Inputs and parameters are found by walking back. */
export interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export interface CompileOptions {
  /** Parameters fixed at compile time (frozen weights); all others are fed by name on every run. */
  readonly constants?: ReadonlyMap<string, TensorData>;
}

/** A compiled graph. */
export interface Program {
  /** Names of inputs and of parameters that are not constants. */
  readonly feeds: readonly string[];
  run(feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>>;
  dispose(): Promise<void>;
}

export interface EngineOptions {
  readonly device?: "cpu" | "cuda" | "webgpu";
  /** Threads inside an op; default: the cores the process may use. */
  readonly threads?: number;
  /** fp32 everywhere; others are refused by name until an engine offers them. */
  readonly precision?: "fp32";
  /** Bytes the stacked shifts of one strip of a weight gradient may take; default 12 MiB. */
  readonly stripBytes?: number;
}

export interface Engine {
  readonly name: "onnx" | "tfjs";
  /** What runs: package, version, device. */
  readonly description: string;
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
}
