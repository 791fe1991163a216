/**
 * @file The bounded byte decoders of TIFF blocks that need no library: LZW and PackBits.
 * Source: TIFF 6.0 sections 9 and 13.
 */

const CLEAR = 256;
const END = 257;
const FIRST = 258;

/** LZW (codes of 9 to 12 bits, most significant bit first) into at most `size` bytes; throws on codes that cannot be. */
export function decodeLzw(input: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(input.length + 2); // a code is cut out of three bytes
  bytes.set(input);
  const out = new Uint8Array(size);
  const starts = new Int32Array(4098); // code k stands for the string at starts[k] and the first byte of the one after it, at starts[k + 1]
  let [next, width, at] = [FIRST, 9, 0];
  for (let bit = 0; at < size && bit + width <= 8 * input.length; ) {
    const i = bit >> 3;
    const held = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    const code = (held >> (24 - (bit & 7) - width)) & ((1 << width) - 1);
    bit += width;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width] = [FIRST, 9];
      continue;
    }
    starts[next] = at;
    if (code < CLEAR) out[at++] = code;
    else {
      if (code >= next) throw new Error(`LZW code ${code}`);
      let from = starts[code];
      const end = Math.min(at + starts[code + 1] - from + 1, size);
      while (at < end) out[at++] = out[from++];
    }
    if (next < 4097) next++;
    if (next >= 1 << width && width < 12) width++;
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
