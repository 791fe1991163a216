/** @file A whole remote file in a temporary one, for servers that do not answer ranges. */
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeAll, writeFault } from "../../files.js";

/** A temporary file; it has no name any more, so nothing is left when the process ends in whatever way. */
export async function saveBody(body: AsyncIterable<Buffer>): Promise<{ handle: FileHandle; size: number }> {
  const handle = await openNameless();
  let size = 0;
  try {
    for await (const chunk of body) {
      await writeAll(handle, chunk, size).catch((error) => {
        throw writeFault(tmpdir(), error);
      });
      size += chunk.length;
    }
    return { handle, size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openNameless(): Promise<FileHandle> {
  try {
    const folder = await mkdtemp(join(tmpdir(), "sam-seg-"));
    try {
      return await open(join(folder, "scene.tif"), "wx+", 0o600);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (error) {
    throw writeFault(tmpdir(), error);
  }
}
