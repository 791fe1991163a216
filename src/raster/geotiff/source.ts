/**
 * @file Random access to a file, local or behind an http(s) address, that never reads outside it, and the errors of a GeoTIFF that is not sound.
 */
import { type FileHandle, open } from "node:fs/promises";
import { SegError } from "../../errors.js";
import { readExactly } from "../file-bytes.js";
import { isUrl, openRemote, type RemoteOptions, type RemoteTraffic, refuseOtherSchemes } from "../remote/index.js";

/** How a remote source is read; local ones need nothing. */
export type SourceOptions = RemoteOptions;

/** An open file; every read is whole or an error. */
export interface ByteSource {
  /** Path or address, without the secrets of an address. */
  readonly path: string;
  readonly size: number;
  /** What tells this version of the file from another: size and ETag or times. */
  readonly identity: string;
  read(offset: number, length: number): Promise<Buffer>;
  /** Runs `use` with the descriptor of a local file, open until it has ended, for a thread to read this range from. */
  lend?<T>(offset: number, length: number, use: (descriptor: number) => Promise<T>): Promise<T>;
  /** Starts to fetch ranges that will be read soon, neighbours together; absent where that gains nothing. */
  prefetch?(ranges: readonly (readonly [offset: number, length: number])[]): void;
  /** What was fetched so far; absent for local files. */
  traffic?(): RemoteTraffic;
  close(): Promise<void>;
}

/** Opens a local file or an http(s) address; SegError where that fails, and for other schemes. */
export async function openSource(path: string, options: SourceOptions = {}): Promise<ByteSource> {
  if (isUrl(path)) return openRemoteSource(path, options);
  refuseOtherSchemes(path);
  return openLocalSource(path);
}

async function openRemoteSource(address: string, options: SourceOptions): Promise<ByteSource> {
  const file = await openRemote(address, options);
  const { path, size } = file;
  return {
    ...file,
    async read(offset, length) {
      checkInside(path, size, offset, length);
      return file.read(offset, length);
    },
    prefetch: (ranges) => file.prefetch(ranges.filter(([offset, length]) => isInside(size, offset, length))),
  };
}

async function openLocalSource(path: string): Promise<ByteSource> {
  let file: FileHandle;
  let size: number;
  let modified: number;
  try {
    file = await open(path);
    const status = await file.stat();
    if (!status.isFile()) {
      await file.close();
      throw new SegError(path, "is not a file", "name a GeoTIFF");
    }
    ({ size, mtimeMs: modified } = status);
  } catch (cause) {
    if (cause instanceof SegError) throw cause;
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const reason = code === "ENOENT" ? "no such file" : `cannot be opened (${String(code ?? cause)})`;
    throw new SegError(path, reason, "check the path", undefined, { cause });
  }
  const loans = new Set<Promise<unknown>>();
  return {
    ...{ path, size, identity: `modified ${new Date(modified).toISOString()}, ${size} bytes` },
    async read(offset, length) {
      checkInside(path, size, offset, length);
      return readExactly(file, path, offset, length);
    },
    async lend(offset, length, use) {
      checkInside(path, size, offset, length);
      const loan = use(file.fd);
      loans.add(loan);
      return loan.finally(() => loans.delete(loan));
    },
    async close() {
      await Promise.allSettled(loans); // the number of a closed file may soon be another file's
      await file.close();
    },
  };
}

const UNSOUND = "not a sound TIFF: ";

/** The error of a file whose content contradicts itself. */
export function damaged(path: string, reason: string, cause?: unknown): SegError {
  return new SegError(path, `${UNSOUND}${reason}`, "replace the file", undefined, { cause });
}

/** Whether an error is about what a file holds, and not about reaching it. */
export const isDamage = ({ reason }: SegError): boolean => reason.startsWith(UNSOUND);

/** The error of a sound file in a form that is not read. */
export function unsupported(path: string, what: string): SegError {
  return new SegError(path, `${what} is not supported`, "convert it with gdal_translate -of COG -co COMPRESS=DEFLATE");
}

const isInside = (size: number, offset: number, length: number): boolean =>
  Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= size;

function checkInside(path: string, size: number, offset: number, length: number): void {
  if (isInside(size, offset, length)) return;
  throw damaged(path, `it ends at byte ${size}, but names bytes ${offset} to ${offset + length}; it may be cut off`);
}
