/**
 * @file The predictors of TIFF undone in place: sums of differences along each row. A loop for each word size, with the sums in local variables where a
 * pixel has few samples: V8 compiles a loop that meets several array types as slow, generic code.
 * Source: TIFF 6.0 section 14; Adobe Photoshop TIFF Technical Note 3 (floating point predictor).
 */

/** `rows` rows of `stride` words of `bits` bits; each word is the difference to that `step` before. Floats too are sums of their words. */
export function accumulate(bytes: Uint8Array, rows: number, stride: number, step: number, bits: number): void {
  const { buffer, byteOffset } = bytes;
  const count = rows * stride;
  if (bits === 16 && step % 2 === 0 && byteOffset % 4 === 0) {
    sumPairs(new Uint32Array(buffer, byteOffset, count / 2), rows, stride / 2, step / 2);
  } else if (bits === 8) sum8(bytes, rows, stride, step);
  else if (bits === 16) sum16(new Uint16Array(buffer, byteOffset, count), rows, stride, step);
  else if (bits === 32) sum32(new Uint32Array(buffer, byteOffset, count), rows, stride, step);
  else sum64(new BigUint64Array(buffer, byteOffset, count), rows, stride, step);
}

type Sum<T> = (words: T, rows: number, stride: number, step: number) => void;

const sum8: Sum<Uint8Array> = (words, rows, stride, step) => {
  for (let y = 0; y < rows; y++) {
    const end = (y + 1) * stride;
    if (step === 1) for (let i = y * stride, sum = 0; i < end; i++) words[i] = sum = (sum + words[i]) & 0xff;
    else for (let i = y * stride + step; i < end; i++) words[i] += words[i - step];
  }
};

const sum16: Sum<Uint16Array> = (words, rows, stride, step) => {
  for (let y = 0; y < rows; y++) {
    const end = (y + 1) * stride;
    if (step === 1) for (let i = y * stride, sum = 0; i < end; i++) words[i] = sum = (sum + words[i]) & 0xffff;
    else for (let i = y * stride + step; i < end; i++) words[i] += words[i - step];
  }
};

/** Two 16-bit sums in each word: the top bits are added apart, so that nothing carries from one into the other. */
const sumPairs: Sum<Uint32Array> = (words, rows, stride, step) => {
  for (let y = 0; y < rows; y++) {
    for (let i = y * stride + step; i < (y + 1) * stride; i++) {
      const a = words[i] | 0;
      const b = words[i - step] | 0;
      words[i] = ((a & 0x7fff7fff) + (b & 0x7fff7fff)) ^ ((a ^ b) & 0x80008000);
    }
  }
};

const sum32: Sum<Uint32Array> = (words, rows, stride, step) => {
  for (let y = 0; y < rows; y++)
    for (let i = y * stride + step; i < (y + 1) * stride; i++) words[i] = (words[i] + words[i - step]) >>> 0;
};

const sum64: Sum<BigUint64Array> = (words, rows, stride, step) => {
  for (let y = 0; y < rows; y++) for (let i = y * stride + step; i < (y + 1) * stride; i++) words[i] += words[i - step];
};

/** Numbers of `size` bytes, least significant first: each of the `rows` holds all most significant bytes of `count`, then all next, as differences. */
export function undoFloatPredictor(bytes: Uint8Array, rows: number, count: number, step: number, size: number): void {
  sum8(bytes, rows, count * size, step);
  if (size === 4 && bytes.byteOffset % 4 === 0) joinWords(bytes, rows, count);
  else joinBytes(bytes, rows, count, size);
}

/** Four bytes to a word at a time: one write for four. */
function joinWords(bytes: Uint8Array, rows: number, count: number): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, rows * count);
  const line = new Uint8Array(count * 4);
  for (let y = 0, at = 0; y < rows; y++) {
    line.set(bytes.subarray(4 * at, 4 * (at + count)));
    for (let i = 0, [b, c, d] = [count, 2 * count, 3 * count]; i < count; i++)
      words[at++] = (line[i] << 24) | (line[b++] << 16) | (line[c++] << 8) | line[d++];
  }
}

function joinBytes(bytes: Uint8Array, rows: number, count: number, size: number): void {
  const row = new Uint8Array(count * size);
  for (let y = 0; y < rows; y++) {
    const line = bytes.subarray(y * count * size, (y + 1) * count * size);
    for (let b = 0; b < size; b++)
      for (let i = 0, from = b * count, to = size - 1 - b; i < count; i++, to += size) row[to] = line[from + i];
    line.set(row);
  }
}
