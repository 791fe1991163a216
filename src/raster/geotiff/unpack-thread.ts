/** @file The body of a thread that unpacks blocks (unpack-pool.ts). Damage is an answer: only a thread that cannot go on fails. */
import { readSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { answerAsks } from "../../helper-thread.js";
import { owned, unpackBlock } from "./unpack.js";
import type { FileRange, UnpackAnswer, UnpackAsk } from "./unpack-pool.js";

answerAsks<UnpackAsk, UnpackAnswer>(async ({ from, form, rows }) => {
  const packed =
    from instanceof Uint8Array ? Buffer.from(from.buffer, from.byteOffset, from.byteLength) : readRange(from);
  if (!packed) return { answer: { unread: true } };
  try {
    const block = owned(await unpackBlock(packed, form, rows, inflateSync));
    return { answer: { block }, transfer: [block.buffer as ArrayBuffer] };
  } catch (error) {
    return { answer: { damage: error instanceof Error ? error.message : String(error) } };
  }
});

/** Undefined where not all of it can be read: the asking thread reads again, and tells why. */
function readRange({ descriptor, offset, length }: FileRange): Buffer | undefined {
  const out = Buffer.allocUnsafeSlow(length);
  try {
    for (let done = 0; done < length; ) {
      const read = readSync(descriptor, out, done, length - done, offset + done);
      if (read === 0) return undefined;
      done += read;
    }
    return out;
  } catch {
    return undefined;
  }
}
