/** @file What a process will hold at most, from the programs it is going to make: nothing is compiled, nothing is run. */
import { sizeOf, type TensorData } from "../graph/tensor.js";
import type { Engine, Program, ProgramMemory } from "./engine.js";

/** Node, this library and ONNX Runtime before there is a model: 100 MiB as published, 150 to 170 through tsx (Node 20, Linux x64, onnxruntime-node 1.30). */
export const BASE_BYTES = 140 * 2 ** 20;

/** An engine that makes no programs, but notes what they would take, in the order they were asked for. */
export interface SizingEngine extends Engine {
  readonly programs: readonly ProgramMemory[];
}

/** The engine's sizing twin; undefined where the engine cannot tell. */
export function sizing(engine: Engine): SizingEngine | undefined {
  const programs: ProgramMemory[] = [];
  const { predictMemory } = engine;
  if (!predictMemory) return undefined;
  return {
    ...engine,
    programs,
    async compile(graph, options) {
      programs.push(predictMemory(graph, options));
      return NOTHING;
    },
  };
}

const NOTHING: Program = { feeds: [], run: async () => ({}), dispose: async () => {} };

/** What programs hold beside what they are fed. */
export const heldBy = (programs: readonly ProgramMemory[]): number =>
  programs.reduce((sum, { weights, results, arena }) => sum + weights + results + arena, 0);

/** Bytes of float32 values by their shapes: their data may be empty. */
export function bytesOfState(state: Iterable<readonly [string, Pick<TensorData, "shape">]>): number {
  let bytes = 0;
  for (const [, { shape }] of state) bytes += 4 * sizeOf(shape);
  return bytes;
}
