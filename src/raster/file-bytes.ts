/** @file Bytes of an open file, whole or an error. */
import type { FileHandle } from "node:fs/promises";
import { SegError } from "../errors.js";

/** Exactly `length` bytes from `offset` on; SegError, naming `path`, where the file has become shorter. */
export async function readExactly(handle: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const out = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(out, done, length - done, offset + done);
    if (bytesRead === 0)
      throw new SegError(path, "became shorter while it was read", "replace the file, and run again");
    done += bytesRead;
  }
  return out;
}
