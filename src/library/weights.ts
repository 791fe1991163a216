/** @file Encoder weights for a program: the tensors `--encoder-weights` stands for, under this package's names. */
import { encoders } from "../catalog.js";
import { readEncoderWeights, resolveEncoderWeights } from "../encoder-weights.js";
import { SegError } from "../errors.js";
import type { StateDict } from "../weights/state.js";
import { encoderShapes } from "../weights/store.js";

/**
 * An encoder's tensors, float32, from a name of weights on this machine, a file (safetensors or torch checkpoint, any known spelling) or, without a
 * wish, its published ones. Rejects with SegError where they are not here or do not fit; nothing is downloaded.
 */
export async function loadWeights(
  encoder: string,
  wanted?: string,
  options: { readonly allowPartial?: boolean } = {},
): Promise<StateDict> {
  encoders.get(encoder);
  const path = await resolveEncoderWeights(encoder, wanted);
  if (!path)
    throw new SegError(
      wanted ?? encoder,
      "stands for no weights",
      "give a name or a file; seg weights list shows them",
    );
  return readEncoderWeights(encoder, encoderShapes(encoder), path, options.allowPartial);
}
