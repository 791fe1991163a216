/**
 * @file The bounded byte decoders of TIFF blocks that need no library: LZW and PackBits.
 * Source: TIFF 6.0 sections 9 and 13.
 */

const CLEAR = 256;
const END = 257;
const FIRST = 258;

/** LZW (codes of 9 to 12 bits, most significant bit first) into at most `size` bytes; throws on codes that cannot be. */
export function decodeLzw(input: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const starts = new Int32Array(4097); // an entry is a run of earlier output: where it begins and how long it is
  const lengths = new Int32Array(4097);
  let [next, width, previous] = [FIRST, 9, -1];
  let [at, bits, held] = [0, 0, 0];
  for (let i = 0; at < size; ) {
    for (; held < width; held += 8) {
      if (i === input.length) return out.subarray(0, at);
      bits = ((bits << 8) | input[i++]) & 0xffffff;
    }
    held -= width;
    const code = (bits >> held) & ((1 << width) - 1);
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, previous] = [FIRST, 9, -1];
      continue;
    }
    const begin = at;
    if (code < CLEAR) out[at++] = code;
    else {
      if (previous < 0 || code > next) throw new Error(`LZW code ${code}`);
      const end = Math.min(at + lengths[code], size);
      for (let source = starts[code]; at < end; ) out[at++] = out[source++];
    }
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
