/**
 * @file Random access to a file that never reads outside it, and the errors of a GeoTIFF that is not sound.
 */
import { type FileHandle, open } from "node:fs/promises";
import { SegError } from "../../errors.js";

/** An open file; every read is whole or an error. */
export interface ByteSource {
  readonly path: string;
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Opens a local file; SegError where that fails. */
export async function openSource(path: string): Promise<ByteSource> {
  let file: FileHandle;
  let size: number;
  try {
    file = await open(path);
    const status = await file.stat();
    if (!status.isFile()) {
      await file.close();
      throw new SegError(path, "is not a file", "name a GeoTIFF");
    }
    size = status.size;
  } catch (cause) {
    if (cause instanceof SegError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const reason = code === "ENOENT" ? "no such file" : `cannot be opened (${String(code ?? cause)})`;
    throw new SegError(path, reason, "check the path", undefined, { cause });
  }
  return {
    path,
    size,
    read: (offset, length) => readExactly(file, path, size, offset, length),
    close: () => file.close(),
  };
}

/** The error of a file whose content contradicts itself. */
export function damaged(path: string, reason: string, cause?: unknown): SegError {
  return new SegError(path, `not a sound TIFF: ${reason}`, "replace the file", undefined, { cause });
}

/** The error of a sound file in a form that is not read. */
export function unsupported(path: string, what: string): SegError {
  return new SegError(path, `${what} is not supported`, "convert it with gdal_translate -of COG -co COMPRESS=DEFLATE");
}

async function readExactly(
  file: FileHandle,
  path: string,
  size: number,
  offset: number,
  length: number,
): Promise<Buffer> {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > size) {
    throw damaged(path, `it ends at byte ${size}, but names bytes ${offset} to ${offset + length}; it may be cut off`);
  }
  const out = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(out, done, length - done, offset + done);
    if (bytesRead === 0) throw damaged(path, "it became shorter while it was read");
    done += bytesRead;
  }
  return out;
}
