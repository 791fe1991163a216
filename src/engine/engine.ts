/** @file What an engine is: it compiles a graph once and runs it many times on data. */
import type { Tensor, TensorData } from "../graph/tensor.js";

/** Outputs by name; everything they depend on is the graph. Inputs and parameters are found by walking back. */
export interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>;
}

export interface CompileOptions {
  /** Parameters fixed at compile time (frozen weights); all others are fed by name on every run. */
  readonly constants?: ReadonlyMap<string, TensorData>;
  /** Constants an int8 engine leaves in float32, by name; default none. */
  readonly keep?: (name: string) => boolean;
}

/** Bytes a program takes, by what they are. */
export interface ProgramMemory {
  /** Frozen weights and what the runtime makes of them. */
  readonly weights: number;
  /** What is fed on a run. */
  readonly feeds: number;
  /** Results of a run, in arrays of their own. */
  readonly results: number;
  /** What the runtime holds beside for values on the way, results among them: kept from the first run on. */
  readonly arena: number;
}

/** A compiled graph. */
export interface Program {
  /** Names of inputs and of parameters that are not constants. */
  readonly feeds: readonly string[];
  run(feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>>;
  dispose(): Promise<void>;
}

/** int8: products with constant matrices, on the CPU; everything else is fp32. */
export type Precision = "fp32" | "int8";

export interface EngineOptions {
  readonly device?: "cpu" | "cuda" | "webgpu";
  /** Threads inside an op; default: the cores the process may use. */
  readonly threads?: number;
  /** Default fp32. */
  readonly precision?: Precision;
  /** Channels a block of the convolution layout, 0 for none; default: what the CPU has (onnx engine). */
  readonly block?: number;
}

export interface Engine {
  readonly name: "onnx" | "tfjs";
  /** What runs: package, version, device. */
  readonly description: string;
  readonly precision: Precision;
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** What the program would take; shapes of constants are enough, their data may be empty. Absent where an engine cannot tell. */
  predictMemory?(graph: Graph, options?: CompileOptions): ProgramMemory;
}
