/**
 * @file Nearest x2 upsampling followed by a 3x3 convolution of padding 1, as one 3x3 convolution at low resolution with
 * 4 Cout phase filters and DepthToSpace: each output phase sees only 3x3 distinct low-resolution pixels (exact, fewer FLOPs).
 */
import type { Onnx, OpRules } from "../rule.js";
import { type Shape, sizeOf } from "../tensor.js";
import type { TfOps, TfTensor } from "../tf.js";
import { shapeError } from "./common.js";
import { convRules, flipKernel } from "./conv.js";
import { weightGradOnnx } from "./conv-weight-grad.js";

const SAME = { stride: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 } as const;

/** [9, 36]: which low-resolution tap each kernel tap falls on, for the four output phases. */
const phaseMatrix = (() => {
  const matrix = new Float32Array(9 * 36);
  for (let phase = 0; phase < 4; phase++) {
    for (let tap = 0; tap < 9; tap++) {
      const row = Math.floor(((phase >> 1) + Math.floor(tap / 3) - 1) / 2) + 1;
      const column = Math.floor(((phase & 1) + (tap % 3) - 1) / 2) + 1;
      matrix[tap * 36 + phase * 9 + row * 3 + column] += 1;
    }
  }
  return matrix;
})();

/** w [Co, Ci, 3, 3] -> phase filters [4 Co, Ci, 3, 3], phase-major as DepthToSpace (DCR) reads them. */
function phaseFilters(onnx: Onnx, w: string, [Co, Ci]: Shape): string {
  const flat = onnx.op("Reshape", [w, onnx.ints([Co * Ci, 9])]);
  const spread = onnx.op("MatMul", [flat, onnx.floats(phaseMatrix, [9, 36])]);
  const split = onnx.op("Reshape", [spread, onnx.ints([Co, Ci, 4, 9])]);
  return onnx.op("Reshape", [onnx.op("Transpose", [split], { perm: [2, 0, 1, 3] }), onnx.ints([4 * Co, Ci, 3, 3])]);
}

/** Gradient of phase filters [4 Co, Ci, 3, 3] back to [Co, Ci, 3, 3]. */
function foldPhases(onnx: Onnx, gradient: string, [Co, Ci]: Shape): string {
  const split = onnx.op("Reshape", [gradient, onnx.ints([4, Co, Ci, 9])]);
  const rows = onnx.op("Reshape", [onnx.op("Transpose", [split], { perm: [1, 2, 0, 3] }), onnx.ints([Co * Ci, 36])]);
  const back = onnx.op("Transpose", [onnx.floats(phaseMatrix, [9, 36])], { perm: [1, 0] });
  return onnx.op("Reshape", [onnx.op("MatMul", [rows, back]), onnx.ints([Co, Ci, 3, 3])]);
}

const toPhases = (onnx: Onnx, dy: string) => onnx.op("SpaceToDepth", [dy], { blocksize: 2 });
const multiplyAdds = (low: Shape, w: Shape) => 2 * low[0] * low[2] * low[3] * 4 * sizeOf(w);
const nearest = (tf: TfOps, x: TfTensor, [B, C, H, W]: Shape) =>
  tf.reshape(tf.broadcastTo(tf.reshape(x, [B, C, H, 1, W, 1]), [B, C, H, 2, W, 2]), [B, C, 2 * H, 2 * W]);
const sumPool = (tf: TfOps, x: TfTensor, [B, C, H, W]: Shape) => tf.sum(tf.reshape(x, [B, C, H, 2, W, 2]), [3, 5]);

export const upsampleConvRules = {
  upsampleConv2d: {
    shape: ([x, w]) => {
      const [B, Ci, H, W] = x.shape;
      if (w.shape.length !== 4 || w.shape[1] !== Ci || w.shape[2] !== 3 || w.shape[3] !== 3) {
        throw shapeError("upsampleConv2d", `input [${x.shape}] does not fit weight [${w.shape}]`);
      }
      return { shape: [B, w.shape[0], 2 * H, 2 * W], dtype: "float32" };
    },
    grad: ({ inputs: [x, w] }, dy, g) => [
      g.upsampleConv2dInputGrad(dy, w, x.shape),
      g.upsampleConv2dWeightGrad(x, dy, w.shape),
    ],
    onnx: (onnx, [x, w], { inputs }) => {
      const low = onnx.op("Conv", [x, phaseFilters(onnx, w, inputs[1].shape)], { pads: [1, 1, 1, 1] });
      return onnx.op("DepthToSpace", [low], { blocksize: 2, mode: "DCR" });
    },
    tfjs: (tf, [x, w], { inputs, shape }) => {
      const up = nearest(tf.tf, x, inputs[0].shape);
      const conv = { op: "conv2d", attrs: SAME, shape, inputs, id: 0, dtype: "float32" } as const;
      return convRules.conv2d.tfjs(tf, [up, w], conv);
    },
    flops: ({ inputs: [x, w] }) => multiplyAdds(x.shape, w.shape),
  },
  upsampleConv2dInputGrad: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: ({ inputs: [dy, w] }, d, g) => [g.upsampleConv2d(d, w), g.upsampleConv2dWeightGrad(d, dy, w.shape)],
    onnx: (onnx, [dy, w], { inputs }) =>
      onnx.op("Conv", [toPhases(onnx, dy), flipKernel(onnx, phaseFilters(onnx, w, inputs[1].shape))], {
        pads: [1, 1, 1, 1],
      }),
    tfjs: (tf, [dy, w], { inputs, shape }) => {
      const high = [shape[0], shape[1], 2 * shape[2], 2 * shape[3]];
      const node = {
        op: "conv2dInputGrad",
        attrs: { ...SAME, shape: high },
        shape: high,
        inputs,
        id: 0,
        dtype: "float32",
      } as const;
      return sumPool(tf.tf, convRules.conv2dInputGrad.tfjs(tf, [dy, w], node), shape);
    },
    flops: ({ shape, inputs }) => multiplyAdds(shape, inputs[1].shape),
  },
  upsampleConv2dWeightGrad: {
    shape: (_, { shape }) => ({ shape, dtype: "float32" }),
    grad: ({ inputs: [x, dy] }, d, g) => [g.upsampleConv2dInputGrad(dy, d, x.shape), g.upsampleConv2d(x, d)],
    onnx: (onnx, [x, dy], { inputs, shape }) => {
      const [B, Ci, H, W] = inputs[0].shape;
      const [Co] = shape;
      const attrs = { ...SAME, shape: [4 * Co, Ci, 3, 3] };
      const phases = weightGradOnnx(onnx, x, toPhases(onnx, dy), inputs[0].shape, [B, 4 * Co, H, W], attrs);
      return foldPhases(onnx, phases, shape);
    },
    tfjs: (tf, [x, dy], { inputs, shape }) => {
      const node = {
        op: "conv2dWeightGrad",
        attrs: { ...SAME, shape },
        shape,
        inputs,
        id: 0,
        dtype: "float32",
      } as const;
      return convRules.conv2dWeightGrad.tfjs(tf, [nearest(tf.tf, x, inputs[0].shape), dy], node);
    },
    flops: ({ inputs: [x], shape }) => multiplyAdds(x.shape, shape),
  },
} satisfies Partial<OpRules>;
