/**
 * @file The two-layer perceptron of a transformer block with frozen weights as two 1x1 convolutions in blocks (see blocked.ts): the biases and the
 * residual are added while the products are summed, which saves three passes over its rows.
 */
import type { Onnx } from "../rule.js";
import { sizeOf, type Tensor, type TensorData } from "../tensor.js";
import { BLOCKED_DOMAIN } from "./blocked.js";

/** Below this many rows a reordering of them costs more than the passes saved. */
const FEWEST_ROWS = 4096;

/** x weight^T + bias with a frozen weight [out, in]. */
interface Linear {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** residual + mlp(x), either way round; undefined where it is something else, has no frozen weights, or would be slower so. */
export function blockedMlp(onnx: Onnx, sum: Tensor): string | undefined {
  const [a, b] = sum.inputs;
  if (onnx.block === 0 || String(a.shape) !== String(b.shape)) return undefined;
  return mlpAndResidual(onnx, b, a) ?? mlpAndResidual(onnx, a, b);
}

function mlpAndResidual(onnx: Onnx, y: Tensor, residual: Tensor): string | undefined {
  const second = linearOf(onnx, y);
  if (second?.x.op !== "gelu" || !onnx.isReadOnce(second.x)) return undefined;
  const first = linearOf(onnx, second.x.inputs[0]);
  if (!first || !fits(onnx, first)) return undefined;
  const rows = sizeOf(y.shape.slice(0, -1));
  const blocks = (x: Tensor) => {
    const map = onnx.op("Reshape", [onnx.valueOf(x), onnx.ints([1, rows, 1, x.shape.at(-1) ?? 0])]);
    return onnx.op("ReorderInput", [map], { channels_last: 1 }, BLOCKED_DOMAIN);
  };
  const hidden = onnx.op("Gelu", [pointwise(onnx, blocks(first.x), first)], {}, "com.microsoft");
  const made = pointwise(onnx, hidden, second, [blocks(residual)]);
  const attributes = { channels: residual.shape.at(-1) ?? 0, channels_last: 1 };
  return onnx.op("Reshape", [onnx.op("ReorderOutput", [made], attributes, BLOCKED_DOMAIN), onnx.ints(y.shape)]);
}

/** Enough rows, of whole blocks. */
function fits({ block }: Onnx, { x, weight }: Linear): boolean {
  return sizeOf(x.shape.slice(0, -1)) >= FEWEST_ROWS && weight.shape.every((width) => width % block === 0);
}

/** A linear layer nobody else reads a part of, computed in float32. */
function linearOf(onnx: Onnx, y: Tensor): Linear | undefined {
  const [product, bias] = y.inputs;
  if (y.op !== "add" || product.op !== "matmul" || ![y, product].every((part) => onnx.isReadOnce(part)))
    return undefined;
  const [x, right] = product.inputs;
  const weight = right.inputs[0];
  const isTransposed = right.op === "transpose" && String((right as Tensor<"transpose">).attrs.perm) === "1,0";
  const isFrozen = isTransposed && [weight, bias].every((w) => onnx.isConstant(w));
  const isFloat = onnx.origin(onnx.valueOf(product))?.type === "MatMul";
  return isFrozen && isFloat && bias.shape.length === 1 ? { x, weight, bias } : undefined;
}

function pointwise(onnx: Onnx, x: string, { weight, bias }: Linear, plus: readonly string[] = []): string {
  const [to, from] = weight.shape;
  const frozen = onnx.frozen(weight);
  const filters = onnx.computed([to, from, 1, 1], frozen.data.length, () => filtersIn(onnx.block, frozen));
  return onnx.op("Conv", [x, filters, onnx.valueOf(bias), ...plus], { kernel_shape: [1, 1] }, BLOCKED_DOMAIN);
}

/** A weight [out, in] as filters in blocks; made here, because the runtime would reorder it at every run. Nothing where only shapes are known. */
function filtersIn(block: number, { data, shape: [to, from] }: TensorData): Float32Array {
  const filters = new Float32Array(data.length);
  if (data.length === 0) return filters;
  let at = 0;
  for (let rows = 0; rows < to; rows += block)
    for (let column = 0; column < from; column++)
      for (let row = rows; row < rows + block; row++) filters[at++] = data[row * from + column];
  return filters;
}
