/**
 * @file ONNX lowerings of a convolution's weight gradient. ONNX Runtime has no such op on CPU, so it is matrix products over
 * shifted copies of the input: where the kernel moves by single pixels, strips of rows with all shifts stacked, one GEMM each
 * (bench/step has time and memory against the alternatives); else one GEMM a kernel position.
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
  const isPadded = top > 0 || left > 0 || bottom > 0 || right > 0;
  if (kh * kw > 1 && unit && xs[1] >= 8) return byStrips(onnx, x, dy, xs, ys, attrs);
  const padded = isPadded ? onnx.op("Pad", [x, onnx.ints([0, 0, top, left, 0, 0, bottom, right])]) : x;
  if (kh * kw === 1 && unit) return pointwise(onnx, padded, dy, xs, ys, attrs.shape);
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

/** kw column shifts of x against kh row shifts of dy in one product a strip of rows: [kh Co, kw Ci]. */
function byStrips(
  onnx: Onnx,
  x: string,
  dy: string,
  xs: Shape,
  ys: Shape,
  { shape, padding }: ConvAttrs & { shape: Shape },
): string {
  const [Co, Ci, kh, kw] = shape;
  const [B, , h, w] = ys;
  const rowBytes = 4 * B * w * (kh * Co + kw * Ci);
  const strip = Math.max(kh, Math.floor(onnx.stripBytes / rowBytes) - kh + 1);
  let total: string | undefined;
  for (let top = 0; top < h; top += strip) {
    const height = Math.min(strip, h - top);
    const rows = height + kh - 1; // of the padded input
    const shifted = stack(onnx, kw, (j) => window(onnx, x, xs, padding, [top, j, rows, w]));
    const part =
      height === h ? dy : onnx.op("Slice", [dy, onnx.ints([top]), onnx.ints([top + height]), onnx.ints([2])]);
    const lowered = stack(onnx, kh, (i) => onnx.op("Pad", [part, onnx.ints([0, 0, i, 0, 0, 0, kh - 1 - i, 0])]));
    const product = productOverBatch(onnx, lowered, shifted, B, kh * Co, kw * Ci, rows * w);
    total = total === undefined ? product : onnx.op("Add", [total, product]);
  }
  const split = onnx.op("Reshape", [total as string, onnx.ints([kh, Co, kw, Ci])]);
  return onnx.op("Transpose", [split], { perm: [1, 3, 0, 2] });
}

/** Parts side by side as channels. */
function stack(onnx: Onnx, count: number, part: (i: number) => string): string {
  const parts = Array.from({ length: count }, (_, i) => part(i));
  return count > 1 ? onnx.op("Concat", parts, { axis: 1 }) : parts[0];
}

/** Rows and columns [y, x, height, width] of the padded input, by one Pad whose negative amounts cut off. */
function window(
  onnx: Onnx,
  input: string,
  [, , H, W]: Shape,
  [top, left]: ConvAttrs["padding"],
  [y, x, height, width]: readonly number[],
): string {
  const after = [y + height - top - H, x + width - left - W];
  return onnx.op("Pad", [input, onnx.ints([0, 0, top - y, left - x, 0, 0, ...after])]);
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
