/**
 * @file What tells one scene from another without keeping it: the content's SHA-256 of files up to 256 MiB, else size, time of the last change and a digest of
 * the first and last bytes, where the directories of a TIFF lie.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { sha256, sha256File } from "../files.js";

const WHOLE = 2 ** 28;
const ENDS = 2 ** 20;

/** The identity of a scene, for a manifest. */
export type Identity = Readonly<Record<string, string | number>>;

/** The identity of a local file. */
export async function identityOf(path: string): Promise<Identity> {
  const { size, mtimeMs } = await stat(path);
  if (size <= WHOLE) return { sha256: await sha256File(path) };
  const file = await open(path, "r");
  try {
    const ends = [await part(file, 0, ENDS), await part(file, size - ENDS, ENDS)];
    return { size, changed: mtimeMs, ends: sha256(Buffer.concat(ends)) };
  } finally {
    await file.close();
  }
}

async function part(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
