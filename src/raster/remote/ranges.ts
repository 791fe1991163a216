/**
 * @file Blocks of a remote file by range requests, each answer checked to be of the version that was opened; cut answers go on where they ended.
 */
import { insist, Interrupted, shownUrl } from "../../network.js";
import { changed, checkStatus, conditionOf, partOf, refuseEncoded, unreachable, type Version } from "./answers.js";
import { BLOCK_BYTES } from "./range-cache.js";
import type { Answer, Transport } from "./transport.js";

/** Bytes that count as progress: a server that sends a few at a time is given up all the same. */
const PROGRESS_BYTES = 2 ** 14;

/** A file that is read by ranges. */
export interface RangeFile {
  readonly transport: Transport;
  readonly home: URL;
  readonly version: Version;
  readonly firstPauseMs: number | undefined;
  /** Where redirects led; signed addresses expire, and then the way starts at `home` again. */
  place: URL;
}

/** Fetches `count` blocks from block `first` on. Rejects with SegError where the file changed or the server fails again and again. */
export async function fetchBlocks(file: RangeFile, first: number, count: number): Promise<Buffer[]> {
  const from = first * BLOCK_BYTES;
  const end = Math.min(from + count * BLOCK_BYTES, file.version.size);
  const blocks = emptyBlocks(end - from);
  let done = 0;
  const fetchRest = async () => {
    if (done === end - from) return; // all came, and only the end of the answer was missing
    const answer = await ask(file, from + done, end);
    for await (const chunk of answer.body) {
      if (done + chunk.length > end - from) throw new Interrupted("the server sends more than was asked for");
      scatter(chunk, blocks, done);
      done += chunk.length;
    }
    if (done < end - from) throw new Interrupted("the answer was cut off");
  };
  const giveUp = (error: Interrupted) => unreachable(shownUrl(file.home), error);
  await insist(fetchRest, giveUp, { firstPause: file.firstPauseMs, progress: () => Math.floor(done / PROGRESS_BYTES) });
  return blocks;
}

/** Buffers of one block each, so that dropping one frees its memory. */
function emptyBlocks(length: number): Buffer[] {
  const count = Math.ceil(length / BLOCK_BYTES);
  return Array.from({ length: count }, (_, i) =>
    Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, length - i * BLOCK_BYTES)),
  );
}

function scatter(chunk: Buffer, blocks: readonly Buffer[], at: number): void {
  for (let done = 0; done < chunk.length; ) {
    const position = at + done;
    done += chunk.copy(blocks[Math.floor(position / BLOCK_BYTES)], position % BLOCK_BYTES, done);
  }
}

/** The answer with bytes from `from` on, up to before `end`. */
async function ask(file: RangeFile, from: number, end: number): Promise<Answer> {
  const headers = { range: `bytes=${from}-${end - 1}`, ...conditionOf(file.version) };
  const answer = await file.transport.get(file.place, headers, end - from);
  try {
    check(file, answer, from, end);
  } catch (error) {
    answer.discard();
    throw error;
  }
  file.place = answer.url;
  return answer;
}

function check(file: RangeFile, { url, status, headers }: Answer, from: number, end: number): void {
  const subject = shownUrl(file.home);
  if (status >= 400 && status < 429 && url.href !== file.home.href && status !== 416) {
    file.place = file.home;
    throw new Interrupted(`the server answers ${status}`);
  }
  if (status === 412 || status === 416) throw changed(subject);
  checkStatus(status, headers, subject);
  const part = partOf(headers);
  const size = status === 200 ? Number(headers["content-length"] ?? file.version.size) : part?.size;
  const { etag, modified } = file.version;
  const isOther = etag ? headers.etag !== etag : modified !== undefined && headers["last-modified"] !== modified;
  if (isOther || (size !== undefined && size !== file.version.size)) throw changed(subject);
  if (status === 200) throw new Interrupted("the server sends the whole file in place of a part");
  refuseEncoded(headers, subject);
  if (part?.from !== from || part.to >= end) throw new Interrupted("the server sends another part than was asked for");
}
