/**
 * @file A product with a frozen matrix in int8: activations are quantised to uint8 as they come (one scale and zero point a tensor), products are
 * summed in int32 and scaled back to float32, with the bias. The ops are ONNX Runtime's own (com.microsoft).
 */
import { ruleOf } from "../../graph/node.js";
import type { Onnx } from "../../graph/rule.js";
import type { Shape, Tensor, TensorData } from "../../graph/tensor.js";
import { frozenMatrix, type Int8Matrix, isFixed, quantizeMatrix, smoothingOf } from "./quantize.js";

/** How an engine quantises. */
export interface Int8Options {
  /** Largest absolute int8 weight: 63 where the processor's sums of two products saturate at 16 bits. */
  readonly largest: number;
  /** Whether the frozen weight of a name may be int8. */
  readonly isWanted: (name: string) => boolean;
}

/** What quantising needs of the builder beside the rules' own. */
export interface Int8Builder extends Onnx {
  readonly constants: ReadonlyMap<string, TensorData>;
  int8(values: Int8Array, shape: Shape): string;
}

/** Products of one lowering; inputs and matrices are quantised once. */
export class Int8Products {
  private readonly inputs = new Map<Tensor, Smoothed>();
  private readonly matrices = new Map<Tensor, { values: string; scales: string }>();

  constructor(
    private readonly onnx: Int8Builder,
    private readonly options: Int8Options,
  ) {}

  /** x times a frozen matrix; undefined where it is none, is not wanted in int8, or nothing is computed at run time. */
  product({ inputs: [x, right] }: Tensor<"matmul">): string | undefined {
    const matrix = frozenMatrix(right, this.onnx.constants);
    if (!matrix || !this.options.isWanted(matrix.name) || isFixed(x, this.onnx.constants)) return undefined;
    const { value, smoothing } = this.smoothed(x);
    const quantize = () => quantizeMatrix(matrix, this.options.largest, smoothing);
    const { values, scales } = this.matrix(right, quantize);
    const [bytes, scale, zero] = this.onnx.ops("DynamicQuantizeLinear", [value], 3);
    return this.onnx.op("MatMulIntegerToFloat", [bytes, values, scale, scales, zero], {}, "com.microsoft");
  }

  private matrix(right: Tensor, quantize: () => Int8Matrix) {
    const known = this.matrices.get(right);
    if (known) return known;
    const { values, scales } = quantize();
    const made = { values: this.onnx.int8(values, right.shape), scales: this.onnx.floats(scales, [right.shape[1]]) };
    this.matrices.set(right, made);
    return made;
  }

  /** A layer norm's output with its outlier channels made smaller; other values as they are. */
  private smoothed(x: Tensor): Smoothed {
    const known = this.inputs.get(x);
    if (known) return known;
    const made = this.smooth(x) ?? { value: this.onnx.valueOf(x) };
    this.inputs.set(x, made);
    return made;
  }

  private smooth(x: Tensor): Smoothed | undefined {
    if (x.op === "layerNorm") return this.smoothNorm(x as Tensor<"layerNorm">);
    if (x.op !== "reshape" || x.inputs[0].shape.at(-1) !== x.shape.at(-1)) return undefined;
    const { value, smoothing } = this.smoothed(x.inputs[0]);
    return smoothing && { value: this.onnx.op("Reshape", [value, this.onnx.ints(x.shape)]), smoothing };
  }

  private smoothNorm(norm: Tensor<"layerNorm">): Smoothed | undefined {
    const [source, ...affine] = norm.inputs;
    const [gamma, beta] = affine.map((part) => frozenVector(part, this.onnx.constants));
    const smoothing = gamma && beta && smoothingOf(gamma, beta);
    if (!smoothing) return undefined;
    const divided = (v: Float32Array) =>
      this.onnx.floats(
        v.map((value, i) => value / smoothing[i]),
        [v.length],
      );
    const names = [this.onnx.valueOf(source), divided(gamma), divided(beta)];
    return { value: ruleOf("layerNorm").onnx(this.onnx, names, norm), smoothing };
  }
}

interface Smoothed {
  readonly value: string;
  /** What each channel was divided by. */
  readonly smoothing?: Float32Array;
}

function frozenVector(x: Tensor, constants: ReadonlyMap<string, TensorData>): Float32Array | undefined {
  if (x.op !== "param") return undefined;
  const data = constants.get((x as Tensor<"param">).attrs.name)?.data;
  return data instanceof Float32Array ? data : undefined;
}
