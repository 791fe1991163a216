/** @file The body of a thread that unpacks blocks (unpack-pool.ts). Damage is an answer: only a thread that cannot go on fails. */
import { inflateSync } from "node:zlib";
import { answerAsks } from "../../helper-thread.js";
import { owned, unpackBlock } from "./unpack.js";
import type { UnpackAnswer, UnpackAsk } from "./unpack-pool.js";

answerAsks<UnpackAsk, UnpackAnswer>(async ({ packed, form, rows }) => {
  try {
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
    const block = owned(await unpackBlock(bytes, form, rows, inflateSync));
    return { answer: { block }, transfer: [block.buffer as ArrayBuffer] };
  } catch (error) {
    return { answer: { damage: error instanceof Error ? error.message : String(error) } };
  }
});
