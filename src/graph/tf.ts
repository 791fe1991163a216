/**
 * @file The forward ops of TensorFlow.js that the lowerings may use, as our own types: tfjs is an optional peer, so its
 * types must not appear in ours. Ops whose behaviour differs from PyTorch's (resize, padded pooling) are left out on purpose.
 */

/** A tensor of tfjs. */
export interface TfTensor {
  readonly shape: number[];
  readonly dtype: string;
  dispose(): void;
}

/** Signatures as in the tfjs API of the same name. */
export interface TfOps {
  add(a: TfTensor, b: TfTensor): TfTensor;
}
