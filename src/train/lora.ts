/**
 * @file LoRA as a transform of parameters: where an encoder names a place, its weight becomes W + (alpha / rank) B A with W frozen.
 * A starts uniform, B at zero, so that training starts from the encoder as it is (https://arxiv.org/abs/2106.09685).
 */
import * as g from "../graph/functions.js";
import type { TensorData } from "../graph/tensor.js";
import type { ParamHook } from "../scope.js";
import type { StateDict } from "../weights/state.js";

export const LORA_A = "lora_A";
export const LORA_B = "lora_B";

/** The hook for `--tune lora`: adapts `<target>.weight` of the encoder. */
export function loraHook(targets: readonly string[], rank: number, alpha: number): ParamHook {
  return (scope, name, value) => {
    const adapted =
      name === "weight" && scope.path.startsWith("encoder.") && targets.some((target) => scope.path.endsWith(target));
    if (!adapted || value.shape.length !== 2) return value;
    const [out, from] = value.shape;
    const a = scope.param(LORA_A, [rank, from], { kind: "kaiming-uniform", fan: "in", a: Math.sqrt(5) });
    const b = scope.param(LORA_B, [out, rank]);
    return g.add(value, g.mul(g.matmul(b, a), alpha / rank));
  };
}

/** Folds LoRA matrices into the weights they adapt; what is exported or merged. */
export function mergeLora(state: StateDict, rank: number, alpha: number): StateDict {
  const merged: StateDict = new Map();
  for (const [name, value] of state) {
    if (name.endsWith(`.${LORA_A}`) || name.endsWith(`.${LORA_B}`)) continue;
    const base = name.replace(/\.weight$/, "");
    const [a, b] = [state.get(`${base}.${LORA_A}`), state.get(`${base}.${LORA_B}`)];
    merged.set(name, a && b && name.endsWith(".weight") ? addProduct(value, a, b, alpha / rank) : value);
  }
  return merged;
}

function addProduct(weight: TensorData, a: TensorData, b: TensorData, scale: number): TensorData {
  const [out, from] = weight.shape;
  const rank = a.shape[0];
  const data = Float32Array.from(weight.data);
  for (let o = 0; o < out; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = b.data[o * rank + r] * scale;
      for (let i = 0; i < from; i++) data[o * from + i] += factor * a.data[r * from + i];
    }
  }
  return { data, shape: weight.shape };
}
