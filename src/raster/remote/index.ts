/**
 * @file A remote file as random access: by ranges through a bounded cache, or, where the server knows no ranges, through a temporary copy.
 */
import { SegError } from "../../errors.js";
import { insist, Interrupted, shownUrl } from "../../network.js";
import { readExactly } from "../file-bytes.js";
import { checkStatus, identityOf, partOf, refuseEncoded, unreachable, versionOf } from "./answers.js";
import { refuseFull, saveBody } from "./download.js";
import { BLOCK_BYTES, createRangeCache } from "./range-cache.js";
import { fetchBlocks } from "./ranges.js";
import { type Answer, createTransport, type Traffic, type Transport, type TransportOptions } from "./transport.js";
import { parseUrl } from "./urls.js";

export { fileNameOf, isUrl, refuseOtherSchemes } from "./urls.js";

const CACHE_BYTES = 2 ** 26;

/** How a remote file is read. */
export interface RemoteOptions extends TransportOptions {
  /** Bytes of fetched parts kept, those on their way included; default 64 MiB, at least 512 KiB. */
  readonly rangeCacheBytes?: number;
}

/** What was fetched of a remote file, and whether it had to be fetched whole because its server knows no ranges. */
export interface RemoteTraffic extends Traffic {
  readonly downloaded: boolean;
}

/** A file behind an address; sizes in bytes. */
export interface RemoteFile {
  /** The address without what is secret in it. */
  readonly path: string;
  readonly size: number;
  /** ETag or date, and size. */
  readonly identity: string;
  /** Bytes inside the file. Rejects with SegError where they cannot be had, or the file changed. */
  read(offset: number, length: number): Promise<Buffer>;
  prefetch(ranges: readonly (readonly [offset: number, length: number])[]): void;
  traffic(): RemoteTraffic;
  close(): Promise<void>;
}

/** Opens the file behind an address. Rejects with SegError, naming it without its secrets, where that fails. */
export async function openRemote(address: string, options: RemoteOptions = {}): Promise<RemoteFile> {
  const home = parseUrl(address);
  const transport = createTransport(home, options);
  try {
    const giveUp = (error: Interrupted) => unreachable(shownUrl(home), error);
    return await insist(() => begin(home, transport, options), giveUp, { firstPause: options.network?.firstPauseMs });
  } catch (error) {
    transport.close();
    throw error;
  }
}

/** Asks for the first block: its answer tells the size, the version and whether the server knows ranges. */
async function begin(home: URL, transport: Transport, options: RemoteOptions): Promise<RemoteFile> {
  const answer = await transport.get(home, { range: `bytes=0-${BLOCK_BYTES - 1}` }, BLOCK_BYTES);
  try {
    const subject = shownUrl(home);
    if (answer.status === 416) throw new SegError(subject, "is empty", "check the address");
    checkStatus(answer.status, answer.headers, subject);
    refuseEncoded(answer.headers, subject);
    return await (answer.status === 206 ? openRanges : openCopy)(home, transport, answer, options);
  } catch (error) {
    answer.discard();
    throw error;
  }
}

async function openRanges(
  home: URL,
  transport: Transport,
  answer: Answer,
  options: RemoteOptions,
): Promise<RemoteFile> {
  const path = shownUrl(home);
  const { from, to, size } = partOf(answer.headers) ?? {};
  if (from !== 0 || to === undefined) throw new SegError(path, "the server names no part", "download the file first");
  if (size === undefined) throw new SegError(path, "the server does not tell its size", "download the file first");
  const version = versionOf(size, answer.headers);
  const file = { transport, home, version, firstPauseMs: options.network?.firstPauseMs, place: answer.url };
  const load = (first: number, count: number) => fetchBlocks(file, first, count);
  const cache = createRangeCache(options.rangeCacheBytes ?? CACHE_BYTES, load);
  cache.put(0, await firstBlock(answer, Math.min(size, BLOCK_BYTES)));
  return {
    ...{ path, size, identity: identityOf(version), read: cache.read, prefetch: cache.prefetch },
    traffic: () => ({ ...transport.traffic(), downloaded: false }),
    close: async () => transport.close(),
  };
}

async function firstBlock({ body }: Answer, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let done = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    done += chunk.length;
    if (done > length) break;
  }
  if (done !== length) throw new Interrupted(done < length ? "the answer was cut off" : "the answer is too long");
  return Buffer.concat(chunks);
}

async function openCopy(home: URL, transport: Transport, { headers, body }: Answer): Promise<RemoteFile> {
  const path = shownUrl(home);
  const length = Number(headers["content-length"] ?? 0);
  transport.allow(length);
  await refuseFull(path, length);
  const { handle, size } = await saveBody(body);
  transport.close();
  return {
    ...{ path, size, identity: identityOf(versionOf(size, headers)) },
    read: (offset, length) => readExactly(handle, path, offset, length),
    prefetch() {},
    traffic: () => ({ ...transport.traffic(), downloaded: true }),
    close: () => handle.close(),
  };
}
