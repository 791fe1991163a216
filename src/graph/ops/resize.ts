/** @file Resizing of NCHW maps: rows and columns are multiplied by constant matrices, so the gradient is the transposed product. */
import type { ResizeMode } from "../attrs.js";
import { nearestIndex, resizeMatrix } from "../resize-matrix.js";
import type { Onnx, OpRules, Tf } from "../rule.js";
import { type Shape, sizeOf, type Tensor } from "../tensor.js";
import type { TfTensor } from "../tf.js";

/** Whether a nearest resize repeats every pixel a whole number of times. */
const isRepeat = (from: Shape, to: Shape, mode: ResizeMode) =>
  mode === "nearest" && to[2] % from[2] === 0 && to[3] % from[3] === 0;

const COORDINATES: Record<ResizeMode, Record<string, string | { float: number }>> = {
  nearest: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
  bilinear: { mode: "linear", coordinate_transformation_mode: "half_pixel" },
  "bilinear-corners": { mode: "linear", coordinate_transformation_mode: "align_corners" },
  bicubic: { mode: "cubic", coordinate_transformation_mode: "half_pixel", cubic_coeff_a: { float: -0.75 } },
};

function resizeOnnx(onnx: Onnx, [x]: readonly string[], node: Tensor<"resize">): string {
  const [{ shape }] = node.inputs;
  if (node.attrs.mode === "nearest" && !isRepeat(shape, node.shape, "nearest")) {
    return gatherNearest(onnx, gatherNearest(onnx, x, 2, shape, node.shape), 3, shape, node.shape);
  }
  return onnx.op("Resize", [x, "", "", onnx.ints(node.shape)], COORDINATES[node.attrs.mode]);
}

/** One axis by explicit indices: Resize rounds the ratio otherwise than torch and takes other pixels at some sizes (14 -> 4). */
function gatherNearest(onnx: Onnx, x: string, axis: number, from: Shape, to: Shape): string {
  const indices = Array.from({ length: to[axis] }, (_, i) => nearestIndex(i, from[axis], to[axis]));
  return onnx.op("Gather", [x, onnx.ints(indices)], { axis });
}

/** Rows from the left, columns from the right: R x C^T for [to, from] matrices R and C. */
function byMatrices(onnx: Onnx, x: string, rows: [Float32Array, Shape], columns: [Float32Array, Shape]): string {
  const tall = onnx.op("MatMul", [x, onnx.floats(...columns)]);
  return onnx.op("MatMul", [onnx.floats(...rows), tall]);
}

function resizeGradOnnx(onnx: Onnx, [dy]: readonly string[], node: Tensor<"resizeGrad">): string {
  const { shape, mode, size } = node.attrs;
  if (isRepeat(shape, node.inputs[0].shape, mode)) {
    const [rows, columns] = [size[0] / shape[2], size[1] / shape[3]];
    const pooled = onnx.op("AveragePool", [dy], { kernel_shape: [rows, columns], strides: [rows, columns] });
    return onnx.op("Mul", [pooled, onnx.floats([rows * columns], [])]);
  }
  const rows = transposed(resizeMatrix(shape[2], size[0], mode), size[0], shape[2]);
  return byMatrices(
    onnx,
    dy,
    [rows, [shape[2], size[0]]],
    [resizeMatrix(shape[3], size[1], mode), [size[1], shape[3]]],
  );
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j];
  return out;
}

/** x [B, C, H, W] -> rows x columns^T per plane; `back` multiplies by the transposed matrices. */
function tfByMatrices(
  { tf, constant }: Tf,
  x: TfTensor,
  from: Shape,
  to: Shape,
  mode: ResizeMode,
  back: boolean,
): TfTensor {
  const [B, C] = from;
  const rows = constant({ data: resizeMatrix(from[2], to[2], mode), shape: [to[2], from[2]] });
  const columns = constant({ data: resizeMatrix(from[3], to[3], mode), shape: [to[3], from[3]] });
  const [inner, outer] = back ? [to, from] : [from, to];
  const wide = tf.matMul(tf.reshape(x, [B * C * inner[2], inner[3]]), columns, false, !back); // [BCh, w']
  const turned = tf.transpose(tf.reshape(wide, [B * C, inner[2], outer[3]]), [0, 2, 1]); // [BC, w', h]
  const tall = tf.matMul(tf.reshape(turned, [B * C * outer[3], inner[2]]), rows, false, !back); // [BCw', h']
  return tf.reshape(tf.transpose(tf.reshape(tall, [B * C, outer[3], outer[2]]), [0, 2, 1]), [...outer]);
}

export const resizeRules = {
  resize: {
    shape: ([x], { size }) => ({ shape: [x.shape[0], x.shape[1], ...size], dtype: x.dtype }),
    grad: ({ inputs: [x], attrs }, dy, g) => [g.resizeGrad(dy, attrs.size, attrs.mode, x.shape)],
    onnx: resizeOnnx,
    tfjs: (tf, [x], node) => tfByMatrices(tf, x, node.inputs[0].shape, node.shape, node.attrs.mode, false),
    flops: (node) => 8 * sizeOf(node.shape),
  },
  resizeGrad: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: ({ attrs }, d, g) => [g.resize(d, attrs.size, attrs.mode)],
    onnx: resizeGradOnnx,
    tfjs: (tf, [dy], node) => tfByMatrices(tf, dy, node.shape, node.inputs[0].shape, node.attrs.mode, true),
    flops: (node) => 8 * sizeOf(node.inputs[0].shape),
  },
} satisfies Partial<OpRules>;
