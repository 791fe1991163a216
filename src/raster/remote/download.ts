/** @file A whole remote file in a temporary one, for servers that do not answer ranges. */
import { type FileHandle, mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, SegError } from "../../errors.js";
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

/** Throws SegError, naming `subject`, where the folder of temporary files has no room for `length` bytes. */
export async function refuseFull(subject: string, length: number, folder = tmpdir()): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (length <= bavail * bsize) return;
  const reason = `its server knows no ranges, and ${folder} has no room for its ${length} bytes`;
  throw new SegError(subject, reason, "free some space, or set TMPDIR to another folder", EXIT.guard);
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
