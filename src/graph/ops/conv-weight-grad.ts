/**
 * @file ONNX lowerings of a convolution's weight gradient. ONNX Runtime has no such op on CPU, so it is matrix products over
 * shifted copies of the input: `concat` stacks the shifts and runs one GEMM, `slices` runs one GEMM a kernel position
 * (less memory). Measured in architecture notes and bench/step.
 */
import type { ConvAttrs } from "../attrs.js";
import type { Onnx } from "../rule.js";
import type { Shape } from "../tensor.js";

/** dw [Co, Ci / groups, kh, kw] of x [B, Ci, H, W] and dy [B, Co, h, w]. */
export function weightGradOnnx(
  onnx: Onnx,
  x: string,
  dy: string,
  xs: Shape,
  ys: Shape,
  attrs: ConvAttrs & { shape: Shape },
): string {
  const [, , kh, kw] = attrs.shape;
  const unit = attrs.stride.every((s) => s === 1) && attrs.dilation.every((d) => d === 1) && attrs.groups === 1;
  const [top, left, bottom, right] = attrs.padding;
  const padded =
    top || left || bottom || right ? onnx.op("Pad", [x, onnx.ints([0, 0, top, left, 0, 0, bottom, right])]) : x;
  if (kh * kw === 1 && unit) return pointwise(onnx, padded, dy, xs, ys, attrs.shape);
  if (unit && xs[1] >= 8 && onnx.weightGradient === "concat") return oneGemm(onnx, padded, dy, xs, ys, attrs);
  if (attrs.groups === 1 && xs[1] < 8) return columns(onnx, padded, dy, ys, attrs);
  return perPosition(onnx, padded, dy, ys, attrs);
}

/** a [B, M, K] times b [B, N, K] transposed, summed over the batch: [M, N]. */
function productOverBatch(onnx: Onnx, a: string, b: string, batch: number, m: number, n: number, k: number): string {
  if (batch === 1) {
    const flat = (v: string, rows: number) => onnx.op("Reshape", [v, onnx.ints([rows, k])]);
    return onnx.op("Gemm", [flat(a, m), flat(b, n)], { transB: 1 });
  }
  const deep = (v: string, rows: number) => onnx.op("Reshape", [v, onnx.ints([batch, rows, k])]);
  const product = onnx.op("FusedMatMul", [deep(a, m), deep(b, n)], { transB: 1 }, "com.microsoft");
  return onnx.op("ReduceSum", [product, onnx.ints([0])], { keepdims: 0 });
}

function pointwise(onnx: Onnx, x: string, dy: string, [B, Ci]: Shape, [, Co, h, w]: Shape, shape: Shape): string {
  return onnx.op("Reshape", [productOverBatch(onnx, dy, x, B, Co, Ci, h * w), onnx.ints(shape)]);
}

/** kw column shifts of x against kh row shifts of dy in one product: [kh Co, kw Ci]. */
function oneGemm(
  onnx: Onnx,
  x: string,
  dy: string,
  [B, Ci]: Shape,
  [, Co, h, w]: Shape,
  { shape }: { shape: Shape },
): string {
  const [, , kh, kw] = shape;
  const rows = h + kh - 1; // height of the padded input
  const shifted = Array.from({ length: kw }, (_, j) =>
    onnx.op("Slice", [x, onnx.ints([j]), onnx.ints([j + w]), onnx.ints([3])]),
  );
  const lowered = Array.from({ length: kh }, (_, i) =>
    onnx.op("Pad", [dy, onnx.ints([0, 0, i, 0, 0, 0, kh - 1 - i, 0])]),
  );
  const stack = (parts: string[]) => (parts.length > 1 ? onnx.op("Concat", parts, { axis: 1 }) : parts[0]);
  const product = productOverBatch(onnx, stack(lowered), stack(shifted), B, kh * Co, kw * Ci, rows * w);
  const split = onnx.op("Reshape", [product, onnx.ints([kh, Co, kw, Ci])]);
  return onnx.op("Transpose", [split], { perm: [1, 3, 0, 2] });
}

/** The part of the padded input one kernel position sees: [B, Ci, h, w]. */
function seenBy(
  onnx: Onnx,
  x: string,
  i: number,
  j: number,
  [, , h, w]: Shape,
  { stride, dilation }: ConvAttrs,
): string {
  const [y0, x0] = [i * dilation[0], j * dilation[1]];
  const ends = [y0 + (h - 1) * stride[0] + 1, x0 + (w - 1) * stride[1] + 1];
  return onnx.op("Slice", [x, onnx.ints([y0, x0]), onnx.ints(ends), onnx.ints([2, 3]), onnx.ints(stride)]);
}

const positions = ([, , kh, kw]: Shape) => Array.from({ length: kh * kw }, (_, at) => [Math.floor(at / kw), at % kw]);

/** Few input channels: all positions as rows of one matrix. */
function columns(onnx: Onnx, x: string, dy: string, ys: Shape, attrs: ConvAttrs & { shape: Shape }): string {
  const [Co, Ci, kh, kw] = attrs.shape;
  const [B, , h, w] = ys;
  const parts = positions(attrs.shape).map(([i, j]) => seenBy(onnx, x, i, j, ys, attrs));
  const matrix = parts.length > 1 ? onnx.op("Concat", parts, { axis: 1 }) : parts[0];
  const product = productOverBatch(onnx, dy, matrix, B, Co, kh * kw * Ci, h * w);
  const split = onnx.op("Reshape", [product, onnx.ints([Co, kh, kw, Ci])]);
  return onnx.op("Transpose", [split], { perm: [0, 3, 1, 2] });
}

/** One product a kernel position, over batch and groups. */
function perPosition(onnx: Onnx, x: string, dy: string, ys: Shape, attrs: ConvAttrs & { shape: Shape }): string {
  const [Co, Ci, kh, kw] = attrs.shape;
  const [B, , h, w] = ys;
  const { groups } = attrs;
  const parts = positions(attrs.shape).map(([i, j]) => {
    const seen = seenBy(onnx, x, i, j, ys, attrs);
    if (groups === 1) return productOverBatch(onnx, dy, seen, B, Co, Ci, h * w);
    return groupedProduct(onnx, dy, seen, [B, groups, Co / groups, Ci, h * w]);
  });
  const stacked = onnx.op("Reshape", [onnx.op("Concat", parts, { axis: 0 }), onnx.ints([kh, kw, Co, Ci])]);
  return onnx.op("Transpose", [stacked], { perm: [2, 3, 0, 1] });
}

function groupedProduct(onnx: Onnx, dy: string, seen: string, [B, groups, m, n, k]: readonly number[]): string {
  const deep = (v: string, rows: number) => onnx.op("Reshape", [v, onnx.ints([B, groups, rows, k])]);
  const product = onnx.op("FusedMatMul", [deep(dy, m), deep(seen, n)], { transB: 1 }, "com.microsoft");
  return onnx.op("Reshape", [
    onnx.op("ReduceSum", [product, onnx.ints([0])], { keepdims: 0 }),
    onnx.ints([groups * m, n]),
  ]);
}
