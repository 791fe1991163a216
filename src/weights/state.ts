/** @file Weights in memory and in files, whatever the format. */
import type { TensorData } from "../graph/tensor.js";

/** Named tensors in a fixed order. */
export type StateDict = Map<string, TensorData>;

/** An open file of weights; tensors are read one at a time. */
export interface WeightFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  names(): string[];
  info(name: string): { readonly dtype: string; readonly shape: readonly number[] };
  /** The tensor as float32, whatever its stored type. */
  read(name: string): Promise<TensorData>;
  close(): Promise<void>;
}
