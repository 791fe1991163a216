/**
 * @file Frozen matrices in int8: symmetric, one scale an output channel; and the scales that move outliers of a layer norm's output into the matrix
 * behind it (SmoothQuant, https://arxiv.org/abs/2211.10438, with the norm's own weights in place of measured activations: nothing to store).
 */
import { ancestors } from "../../graph/grad.js";
import type { Tensor, TensorData } from "../../graph/tensor.js";

type Constants = ReadonlyMap<string, TensorData>;

/** A frozen weight as a matrix product reads it: [K, N], or the rows of [N, K] where it is transposed. */
export interface FrozenMatrix {
  /** The parameter it is, or is a part of. */
  readonly name: string;
  readonly data: Float32Array;
  readonly K: number;
  readonly N: number;
  readonly isTransposed: boolean;
}

/** int8 values [K, N] and the scale of each column. */
export interface Int8Matrix {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** The right side of a product where it is a frozen parameter, its transpose, or the transpose of some of its rows. */
export function frozenMatrix(right: Tensor, constants: Constants): FrozenMatrix | undefined {
  if (right.shape.length !== 2) return undefined;
  const [K, N] = right.shape;
  if (right.op !== "transpose") {
    const rows = frozenRows(right, constants);
    return rows && { ...rows, K, N, isTransposed: false };
  }
  const rows = frozenRows(right.inputs[0], constants);
  return rows && { ...rows, K, N, isTransposed: true };
}

/** Rows of a parameter that is constant. */
function frozenRows(x: Tensor, constants: Constants): { name: string; data: Float32Array } | undefined {
  const [source, from, to] = x.op === "slice" ? rowsOf(x as Tensor<"slice">) : [x, 0, x.shape[0]];
  if (source?.op !== "param") return undefined;
  const { name } = (source as Tensor<"param">).attrs;
  const data = constants.get(name)?.data;
  if (!(data instanceof Float32Array)) return undefined;
  const width = source.shape[1];
  return { name, data: data.subarray(from * width, to * width) };
}

function rowsOf({ inputs: [source], attrs }: Tensor<"slice">): [Tensor | undefined, number, number] {
  const isWhole = attrs.starts[1] === 0 && attrs.ends[1] === source.shape[1];
  return [isWhole ? source : undefined, attrs.starts[0], attrs.ends[0]];
}

/** Whether a value depends on nothing that is fed: the runtime computes it once, in float32. */
export function isFixed(x: Tensor, constants: Constants): boolean {
  return ancestors([x]).every(
    (part) => part.op !== "input" && (part.op !== "param" || constants.has((part as Tensor<"param">).attrs.name)),
  );
}

/** Columns scaled so that their largest entry is `largest` (127 at most). `smoothing`: factor of each row [K]. */
export function quantizeMatrix(matrix: FrozenMatrix, largest: number, smoothing?: Float32Array): Int8Matrix {
  const { data, K, N, isTransposed } = matrix;
  const [strideK, strideN] = isTransposed ? [1, K] : [N, 1];
  const [values, scales] = [new Int8Array(K * N), new Float32Array(N)];
  const row = new Float32Array(K);
  for (let n = 0; n < N; n++) {
    let most = 0;
    for (let k = 0; k < K; k++) {
      row[k] = data[k * strideK + n * strideN] * (smoothing?.[k] ?? 1);
      most = Math.max(most, Math.abs(row[k]));
    }
    scales[n] = most > 0 ? most / largest : 1;
    for (let k = 0; k < K; k++) values[k * N + n] = Math.round(row[k] / scales[n]);
  }
  return { values, scales };
}

/** How far a standard normal value commonly goes: what a layer norm's gamma is multiplied by. */
const SPREAD = 3;
/** A channel this much smaller than the largest counts as this large. */
const SMALLEST = 1e-4;

/**
 * What each channel of a layer norm's output may be divided by: the square root of its expected size |beta| + 3 |gamma|, so that matrix and
 * activations share an outlier. Undefined where all channels are alike.
 */
export function smoothingOf(gamma: Float32Array, beta: Float32Array): Float32Array | undefined {
  const sizes = gamma.map((scale, i) => Math.abs(beta[i]) + SPREAD * Math.abs(scale));
  const most = sizes.reduce((a, b) => Math.max(a, b), 0);
  if (!(most > 0) || sizes.every((size) => size === most)) return undefined;
  return sizes.map((size) => Math.sqrt(Math.max(size, SMALLEST * most) / most));
}
