/** @file Damaged copies of a file for fuzzing, from a fixed seed: turned bits, cuts, false lengths, ranges copied over others. */
import { generator } from "../../src/random.js";

/** What length fields are replaced by. */
const NUMBERS = [0, 1, 0xff, 0xffff, 2 ** 31 - 1, 2 ** 32 - 1];

/** `count` mutants of `bytes`; the same seed makes the same. */
export function* mutants(bytes: Buffer, count: number, seed: number): Generator<Buffer> {
  const random = generator(seed, "mutants");
  for (let i = 0; i < count; i++) {
    let copy: Buffer = Buffer.from(bytes);
    for (let changes = 1 + random.integer(3); changes > 0; changes--) copy = change(copy, random);
    yield copy;
  }
}

function change(bytes: Buffer, random: ReturnType<typeof generator>): Buffer {
  if (bytes.length < 16) return bytes;
  const at = random.integer(bytes.length - 8);
  const kind = random.integer(5);
  if (kind === 0) return bytes.subarray(0, at);
  if (kind === 1) bytes.writeUInt32LE(NUMBERS[random.integer(NUMBERS.length)], at);
  if (kind === 2) bytes.copy(bytes, random.integer(bytes.length - 8), at, at + random.integer(64));
  if (kind === 3) bytes[at] = random.integer(256);
  if (kind === 4) bytes[at] ^= 1 << random.integer(8);
  return bytes;
}
