/** @file Weights of an encoder: which file the user means, and its tensors under our names. */
import { encoders } from "./catalog.js";
import { SegError } from "./errors.js";
import type { Shape } from "./graph/tensor.js";
import { loadInto } from "./weights/load.js";
import { openWeights } from "./weights/open.js";
import type { StateDict } from "./weights/state.js";
import { findWeights } from "./weights/store.js";

/**
 * The file `--encoder-weights` means: a name of published weights, a path, or none. Undefined: random. Without a wish the published ones, where the
 * encoder has some. Rejects with SegError naming the ways to get weights that are not on this machine; nothing is downloaded.
 */
export async function resolveEncoderWeights(name: string, wanted?: string): Promise<string | undefined> {
  const { weights } = encoders.get(name);
  if (wanted === "none" || (wanted === undefined && weights.length === 0)) return undefined;
  const found = await findWeights(name, weights, wanted);
  if (found) return found;
  throw new SegError(
    `--encoder-weights ${wanted ?? weights[0].name}`,
    `these weights of ${name} are not on this machine`,
    `run: seg weights pull ${name}, or: seg weights import FILE --encoder ${name}, or use --encoder-weights none`,
  );
}

/** An encoder's tensors from a file in any known spelling; names without the `encoder.` prefix. Rejects with SegError where they do not fit. */
export async function readEncoderWeights(
  name: string,
  wanted: ReadonlyMap<string, Shape>,
  path: string,
  allowPartial = false,
): Promise<StateDict> {
  const encoder = encoders.get(name);
  const file = await openWeights(path);
  try {
    const { state } = await loadInto(wanted, file, { rename: encoder.renameKey, adapt: encoder.adapt, allowPartial });
    return state;
  } finally {
    await file.close();
  }
}
