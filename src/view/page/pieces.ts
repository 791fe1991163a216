/**
 * @file A file of the server in pieces of a fixed size, fetched by range requests as they are needed and kept: blocks that lie together in the file
 * come together. The form is that of a source of geotiff.js, whose own one lets aborted requests end as errors nobody handles.
 */

/** Bytes of a piece. */
const PIECE = 32768;
/** Pieces kept: 16 MiB. */
const MOST_PIECES = 512;

/** What geotiff.js reads from. */
export interface ByteSource {
  fetch(slices: { offset: number; length: number }[], signal?: AbortSignal): Promise<ArrayBuffer[]>;
  fetchSlice(slice: Slice, signal?: AbortSignal): Promise<Slice & { data: ArrayBuffer }>;
  readonly fileSize: number | null;
  close(): Promise<void>;
}

interface Slice {
  offset: number;
  length: number;
}

/** A source of the file at a URL; `onBytes` hears how much came over the wire. Requests that were sent are not stopped: their pieces are kept. */
export function createPieces(url: string, onBytes: (count: number) => void): ByteSource {
  const pieces = new Map<number, Promise<Uint8Array>>();
  const slice = async ({ offset, length }: Slice, signal?: AbortSignal): Promise<ArrayBuffer> => {
    signal?.throwIfAborted();
    const [first, last] = [Math.floor(offset / PIECE), Math.floor((offset + length - 1) / PIECE)];
    fetchMissing(pieces, first, last, (from, count) => request(url, from, count, onBytes));
    const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const wanted = numbers.map((number) => use(pieces, number));
    dropOldest(pieces); // only now that all are in hand: a slice may be longer than what is kept
    const found = await Promise.all(wanted);
    signal?.throwIfAborted();
    return join(found, offset - first * PIECE, length);
  };
  return {
    fetch: (slices, signal) => Promise.all(slices.map((wanted) => slice(wanted, signal))),
    fetchSlice: async (wanted, signal) => ({ ...wanted, data: await slice(wanted, signal) }),
    fileSize: null,
    close: async () => pieces.clear(),
  };
}

/** Requests runs of pieces that are not there. A request that fails leaves none behind, so that it can be tried again. */
function fetchMissing(
  pieces: Map<number, Promise<Uint8Array>>,
  first: number,
  last: number,
  load: (from: number, count: number) => Promise<Uint8Array>,
): void {
  for (let number = first; number <= last; number++) {
    if (pieces.has(number)) continue;
    const from = number;
    while (number < last && !pieces.has(number + 1)) number++;
    const loaded = load(from, number - from + 1);
    for (let i = from; i <= number; i++) {
      const piece = loaded.then((bytes) => bytes.subarray((i - from) * PIECE, (i - from + 1) * PIECE));
      pieces.set(i, piece);
      const forget = () => pieces.get(i) === piece && pieces.delete(i); // another may have taken its place
      piece.catch(forget); // who waits for it hears of the fault
    }
  }
}

/** A piece that is there or on its way, made the last to be dropped. */
function use(pieces: Map<number, Promise<Uint8Array>>, number: number): Promise<Uint8Array> {
  const piece = pieces.get(number);
  if (!piece) throw new Error("internal: a piece was not asked for");
  pieces.delete(number);
  pieces.set(number, piece);
  return piece;
}

function dropOldest(pieces: Map<number, unknown>): void {
  for (const oldest of pieces.keys()) {
    if (pieces.size <= MOST_PIECES) return;
    pieces.delete(oldest);
  }
}

/** Browsers line up requests for one address behind their cache, so none is used. */
async function request(
  url: string,
  from: number,
  count: number,
  onBytes: (count: number) => void,
): Promise<Uint8Array> {
  const headers = { Range: `bytes=${from * PIECE}-${(from + count) * PIECE - 1}` };
  const init: RequestInit & { cache: "no-store" } = { headers, cache: "no-store" }; // Node's types know no cache
  const response = await fetch(url, init);
  if (response.status === 416) return new Uint8Array(0); // all of it lies beyond the end of the file
  if (response.status !== 206) throw new Error(`the server answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  onBytes(bytes.length);
  return bytes;
}

/** `length` bytes from a position in consecutive pieces; zeros beyond the end of the file, where geotiff.js asks for more than there is. */
function join(pieces: readonly Uint8Array[], start: number, length: number): ArrayBuffer {
  const out = new Uint8Array(length);
  let at = -start;
  for (const piece of pieces) {
    const part = piece.subarray(Math.max(0, -at), Math.max(0, length - at));
    out.set(part, Math.max(0, at));
    at += PIECE;
  }
  return out.buffer;
}
