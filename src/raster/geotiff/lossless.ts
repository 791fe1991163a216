/**
 * @file The bounded byte decoders of TIFF blocks that need no library: LZW and PackBits.
 * Source: TIFF 6.0 sections 9 and 13.
 */

const CLEAR = 256;
const END = 257;

/** LZW (codes of 9 to 12 bits, most significant bit first) into at most `size` bytes; throws on codes that cannot be. */
export function decodeLzw(input: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const starts = new Int32Array(4097); // an entry is a run of earlier output: where it begins and how long it is
  const lengths = new Int32Array(4097);
  let [next, width, previous, at] = [258, 9, -1, 0];
  let [bits, held] = [0, 0];
  for (let i = 0; at < size; ) {
    while (held < width) {
      if (i === input.length) return out.subarray(0, at);
      bits = ((bits << 8) | input[i++]) & 0xffffff;
      held += 8;
    }
    const code = (bits >> (held - width)) & ((1 << width) - 1);
    held -= width;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, previous] = [258, 9, -1];
      continue;
    }
    if (code > next || (code === next && previous < 0) || (previous < 0 && code >= CLEAR))
      throw new Error(`LZW code ${code}`);
    const begin = at;
    if (code < CLEAR) out[at++] = code;
    else at = repeat(out, starts[code], lengths[code], at, size);
    if (previous >= 0 && next < 4096) next++;
    if (next < 4097) {
      starts[next] = begin; // the next code stands for this string and the first byte of the one after it
      lengths[next] = at - begin + 1;
    }
    previous = code;
    if (next + 1 >= 1 << width && width < 12) width++;
  }
  return out.subarray(0, at);
}

function repeat(out: Uint8Array, from: number, length: number, at: number, size: number): number {
  const end = Math.min(at + length, size);
  for (let to = at, source = from; to < end; ) out[to++] = out[source++];
  return end;
}

/** PackBits into at most `size` bytes. */
export function decodePackBits(input: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < input.length && at < size; ) {
    const head = input[i++];
    if (head < 128) {
      const run = input.subarray(i, Math.min(i + head + 1, i + size - at));
      out.set(run, at);
      at += run.length;
      i += head + 1;
    } else if (head > 128 && i < input.length) {
      const end = Math.min(at + 257 - head, size);
      out.fill(input[i++], at, end);
      at = end;
    }
  }
  return out.subarray(0, at);
}
