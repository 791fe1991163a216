/**
 * @file ONNX lowering of a convolution's weight gradient. ONNX Runtime has no such op on CPU, but it is a convolution itself: over the channels-last
 * input as an image of H rows and W Ci columns, with dy as a kernel as large as its map, a group a batch item. Its result has a row a kernel row and a
 * column a kernel column and input channel, so that it is one GEMM with long rows whose operand is never held whole (bench/speed has it beside
 * the alternatives).
 */
import type { ConvAttrs } from "../attrs.js";
import type { Onnx } from "../rule.js";
import type { Shape } from "../tensor.js";
import { channelsFirst, channelsLast, channelsLastOf } from "./blocked.js";
import { reversed } from "./blocked-conv.js";

/** Shapes of x, dy and the weight, and what the convolution was. */
interface Parts {
  readonly xs: Shape;
  readonly ys: Shape;
  readonly shape: Shape;
  readonly attrs: ConvAttrs;
}

/** dw [Co, Ci / groups, kh, kw] of x [B, Ci, H, W] and dy [B, Co, h, w]. */
export function weightGradOnnx(
  onnx: Onnx,
  x: string,
  dy: string,
  xs: Shape,
  ys: Shape,
  attrs: ConvAttrs & { shape: Shape },
): string {
  const parts = { xs, ys, shape: attrs.shape, attrs };
  const [, , kh, kw] = attrs.shape;
  if (kh * kw === 1 && attrs.groups === 1) return pointwise(onnx, x, dy, parts);
  return attrs.dilation[1] === 1 ? asConvolution(onnx, x, dy, parts) : perPosition(onnx, x, dy, parts);
}

/** Rows or columns of zeros behind the input that make it as long as the kernel reaches; negative where some are never read. */
function after(axis: 0 | 1, { xs, ys, shape, attrs }: Parts): number {
  const reach = (ys[2 + axis] - 1) * attrs.stride[axis] + 1 + (shape[2 + axis] - 1) * attrs.dilation[axis];
  return reach - xs[2 + axis] - attrs.padding[axis];
}

function asConvolution(onnx: Onnx, x: string, dy: string, parts: Parts): string {
  const { attrs, shape, xs, ys } = parts;
  const [bottom, right] = [after(0, parts), after(1, parts)];
  const isUnit = String([...attrs.stride, ...attrs.dilation, attrs.groups]) === "1,1,1,1,1";
  const isInside = [...attrs.padding].every((p, i) => p < shape[2 + (i % 2)]);
  if (isUnit && isInside && shape[1] > shape[0]) return turnedAround(onnx, x, dy, parts);
  const [H, W] = [xs[2] + Math.min(0, bottom), xs[3] + Math.min(0, right)];
  const read = bottom < 0 || right < 0 ? cropped(onnx, x, H, W) : x;
  const padding = [attrs.padding[0], attrs.padding[1], Math.max(0, bottom), Math.max(0, right)];
  const image = { map: read, shape: [xs[0], xs[1], H, W] };
  const sums = correlation(onnx, image, { map: dy, shape: ys }, { ...attrs, padding }, shape.slice(2)); // [Co, kh, kw, Ci]
  return onnx.op("Transpose", [sums], { perm: [0, 3, 1, 2] });
}

/** The same with x as the kernel over dy: for a layer that narrows the operand that is built is then the smaller one. */
function turnedAround(onnx: Onnx, x: string, dy: string, { xs, ys, shape, attrs }: Parts): string {
  const padding = attrs.padding.map((p, i) => shape[2 + (i % 2)] - 1 - p);
  const kernel = { map: x, shape: xs };
  const [Co, Ci, kh, kw] = shape;
  const sums = correlation(onnx, { map: dy, shape: ys }, kernel, { ...attrs, padding }, [kh, kw]); // [Ci, kh, kw, Co], turned over
  const turned = onnx.op("Reshape", [reversed(onnx, sums, [Ci, kh * kw, Co]), onnx.ints([Ci, kh, kw, Co])]);
  return onnx.op("Transpose", [turned], { perm: [3, 0, 1, 2] });
}

interface Map4 {
  readonly map: string;
  readonly shape: Shape;
}

type Offsets = Omit<ConvAttrs, "padding"> & { readonly padding: readonly number[] };

/** Sums over batch and space of every kernel channel times every image channel of its group at every offset: [kernel channels, kh, kw, image channels]. */
function correlation(onnx: Onnx, image: Map4, kernel: Map4, offsets: Offsets, extent: Shape): string {
  return gapOf(kernel, offsets, extent) <= SMALL_GAP
    ? stacked(onnx, image, kernel, offsets, extent)
    : perImage(onnx, image, kernel, offsets, extent);
}

/** Pixels of zeros between images up to which one product over all images is faster than the sum of one product each. */
const SMALL_GAP = 64;

/** Rows an image takes up in a stack, of the kernel's rows. */
const pitchOf = ([, , h]: Shape, { stride, dilation }: Offsets, [kh]: Shape) =>
  h + Math.ceil(((kh - 1) * dilation[0] + 1) / stride[0]) - 1;

function gapOf({ shape }: Map4, offsets: Offsets, extent: Shape): number {
  const isOne = offsets.groups > 1 || shape[0] === 1 || (extent[0] - 1) * offsets.dilation[0] + 1 < offsets.stride[0];
  return isOne ? Number.POSITIVE_INFINITY : (pitchOf(shape, offsets, extent) - shape[2]) * shape[3];
}

/** The images one below the other, with zeros between them as one image: one product with long sums. */
function stacked(onnx: Onnx, image: Map4, kernel: Map4, offsets: Offsets, extent: Shape): string {
  const { stride, dilation, padding } = offsets;
  const [B, C, H, W] = image.shape;
  const [, Co, h, w] = kernel.shape;
  const pitch = pitchOf(kernel.shape, offsets, extent);
  const [rows, below] = [pitch * stride[0], (extent[0] - 1) * dilation[0] + 1 - stride[0]];
  const pads = [0, padding[0], 0, 0, 0, rows - H - padding[0], 0, 0];
  const tall = onnx.op("Pad", [channelsLast(onnx, image.map, image.shape), onnx.ints(pads)]);
  const apart = [0, 0, 0, 0, 0, 0, pitch - h, 0];
  const spaced = onnx.op("Pad", [channelsFirst(onnx, kernel.map, kernel.shape), onnx.ints(apart)]);
  const filters = onnx.op("Transpose", [spaced], { perm: [1, 0, 2, 3] });
  const inputs = [
    onnx.op("Reshape", [tall, onnx.ints([1, 1, B * rows, W * C])]),
    onnx.op("Reshape", [filters, onnx.ints([Co, 1, B * pitch, w])]),
  ];
  const products = onnx.op("Conv", inputs, {
    pads: [0, padding[1] * C, below, padding[3] * C],
    dilations: [stride[0], stride[1] * C],
    strides: [dilation[0], 1],
  });
  return onnx.op("Reshape", [products, onnx.ints([Co, ...extent, C])]);
}

function perImage(
  onnx: Onnx,
  image: Map4,
  kernel: Map4,
  { groups, stride, dilation, padding }: Offsets,
  [kh, kw]: Shape,
): string {
  const [B, channels, H, W] = image.shape;
  const [, Co, h, w] = kernel.shape;
  const C = channels / groups;
  const split = groups > 1 ? onnx.op("Reshape", [image.map, onnx.ints([B * groups, C, H, W])]) : image.map;
  const last = channelsLast(onnx, split, [B * groups, C, H, W]);
  const rows = onnx.op("Reshape", [last, onnx.ints([1, B * groups, H, W * C])]);
  const filters = onnx.op("Reshape", [channelsFirst(onnx, kernel.map, kernel.shape), onnx.ints([B * Co, 1, h, w])]);
  const products = onnx.op("Conv", [rows, filters], {
    group: B * groups,
    pads: [padding[0], padding[1] * C, padding[2], padding[3] * C],
    dilations: [stride[0], stride[1] * C],
    strides: [dilation[0], 1],
  });
  const each = onnx.op("Reshape", [products, onnx.ints([B, Co, kh, kw, C])]);
  return onnx.op("ReduceSum", [each, onnx.ints([0])], { keepdims: 0 });
}

const cropped = (onnx: Onnx, x: string, H: number, W: number) =>
  onnx.op("Slice", [x, onnx.ints([0, 0]), onnx.ints([H, W]), onnx.ints([2, 3])]);

/** a [B, M, K] times b [B, N, K], or b [B, K, N] where it is not `turned`, summed over the batch: [M, N]. */
function productOverBatch(
  onnx: Onnx,
  a: string,
  b: string,
  [batch, m, n, k]: readonly number[],
  turned = true,
): string {
  const transB = turned ? 1 : 0;
  const deep = (v: string, rows: number, columns: number) =>
    onnx.op("Reshape", [v, onnx.ints(batch === 1 ? [rows, columns] : [batch, rows, columns])]);
  const factors = [deep(a, m, k), turned ? deep(b, n, k) : deep(b, k, n)];
  if (batch === 1) return onnx.op("Gemm", factors, { transB });
  return onnx.op("ReduceSum", [onnx.op("FusedMatMul", factors, { transB }, "com.microsoft"), onnx.ints([0])], {
    keepdims: 0,
  });
}

function pointwise(onnx: Onnx, x: string, dy: string, { xs, ys, shape, attrs }: Parts): string {
  const [B, Co, h, w] = ys;
  const seen = seenBy(onnx, padded(onnx, x, attrs), 0, 0, xs, ys, attrs);
  const last = seen === x ? channelsLastOf(onnx, x) : undefined;
  const product = productOverBatch(onnx, dy, last ?? seen, [B, Co, xs[1], h * w], last === undefined);
  return onnx.op("Reshape", [product, onnx.ints(shape)]);
}

function padded(onnx: Onnx, x: string, { padding: [top, left, bottom, right] }: ConvAttrs): string {
  if (!(top || left || bottom || right)) return x;
  return onnx.op("Pad", [x, onnx.ints([0, 0, top, left, 0, 0, bottom, right])]);
}

/** The part of the padded input one kernel position sees: [B, Ci, h, w]. */
function seenBy(
  onnx: Onnx,
  x: string,
  i: number,
  j: number,
  xs: Shape,
  [, , h, w]: Shape,
  { stride, dilation, padding: [top, left, bottom, right] }: ConvAttrs,
): string {
  const [y0, x0] = [i * dilation[0], j * dilation[1]];
  const ends = [y0 + (h - 1) * stride[0] + 1, x0 + (w - 1) * stride[1] + 1];
  const isAll = String([...stride, ...ends]) === String([1, 1, xs[2] + top + bottom, xs[3] + left + right]);
  if (isAll && y0 + x0 === 0) return x;
  return onnx.op("Slice", [x, onnx.ints([y0, x0]), onnx.ints(ends), onnx.ints([2, 3]), onnx.ints(stride)]);
}

/** One product a kernel position, over batch and groups: where the kernel's columns are apart. */
function perPosition(onnx: Onnx, x: string, dy: string, { xs, ys, shape, attrs }: Parts): string {
  const [Co, Ci, kh, kw] = shape;
  const [B, , h, w] = ys;
  const { groups } = attrs;
  const frame = padded(onnx, x, attrs);
  const positions = Array.from({ length: kh * kw }, (_, at) => [Math.floor(at / kw), at % kw]);
  const parts = positions.map(([i, j]) => {
    const seen = seenBy(onnx, frame, i, j, xs, ys, attrs);
    if (groups === 1) return productOverBatch(onnx, dy, seen, [B, Co, Ci, h * w]);
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
