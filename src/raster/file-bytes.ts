/** @file Bytes of an open file, whole or an error. */
import type { FileHandle } from "node:fs/promises";
import { SegError } from "../errors.js";

/** Node ends the process where it is asked for more than 2^31 - 1 bytes. */
const MOST_AT_ONCE = 2 ** 30;

/** Exactly `length` bytes from `offset` on; SegError, naming `path`, where the file has become shorter. */
export async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const out = Buffer.allocUnsafeSlow(length); // not from Node's pool: what is kept of it would keep the pool's memory
  await readInto(handle, path, offset, out);
  return out;
}

/** Fills `out` from `offset` on; SegError as `readExactly`. */
export async function readInto(handle: FileHandle, path: string, offset: number, out: Uint8Array): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const length = Math.min(out.length - done, MOST_AT_ONCE);
    const { bytesRead } = await handle.read(out, done, length, offset + done);
    if (bytesRead === 0)
      throw new SegError(path, "became shorter while it was read", "replace the file, and run again");
    done += bytesRead;
  }
}
