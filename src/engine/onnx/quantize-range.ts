/**
 * @file How large int8 weights may be on this machine. Without VNNI (or Arm's dot product) the runtime adds two products of uint8 and int8 in 16 bits,
 * which saturates at 32767: then weights of 7 bits are used. The runtime is asked, by a product that saturates.
 */
import { onnxType } from "../../graph/ops/common.js";
import { type Ort, probe } from "./probe.js";
import { nodeProto } from "./proto.js";

/** Largest absolute weight where sums are exact. */
export const WHOLE_RANGE = 127;
/** Largest absolute weight where two products are added in 16 bits: 2 * 255 * 63 < 32768. */
export const REDUCED_RANGE = 63;

/** The range int8 weights may have here. Cached for the process. */
export function weightRange(ort: Ort): Promise<number> {
  found ??= ask(ort);
  return found;
}

let found: Promise<number> | undefined; // a fact of the machine

const SIDE = 64;
const INT8 = 3;

/** 255 times 127, 64 times over: 2072640 where nothing saturates. */
async function ask(ort: Ort): Promise<number> {
  const shape = [SIDE, SIDE];
  const a = new ort.Tensor("uint8", new Uint8Array(SIDE * SIDE).fill(255), shape);
  const b = new ort.Tensor("int8", new Int8Array(SIDE * SIDE).fill(WHOLE_RANGE), shape);
  const sums = await probe(ort, {
    node: nodeProto("MatMulInteger", ["a", "b"], ["y"], {}, ""),
    result: { type: onnxType.int32, shape },
    feeds: { a: { type: onnxType.uint8, value: a }, b: { type: INT8, value: b } },
  });
  if (!sums) throw new Error("internal: the runtime has no product of int8 matrices");
  const isExact = (sums as Int32Array).every((sum) => sum === SIDE * 255 * WHOLE_RANGE);
  return isExact ? WHOLE_RANGE : REDUCED_RANGE;
}
