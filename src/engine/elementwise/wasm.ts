/**
 * @file A WebAssembly module of one function, written as bytes: a loop over arrays in one memory, four floats (a vector) at a time. Source of the
 * encoding: WebAssembly core specification 2.0, chapter 5 (binary format).
 */

type Code = readonly number[];

const [I32, V128] = [0x7f, 0x7b];
const [LOCAL_GET, LOCAL_SET, LOCAL_TEE, I32_CONST, I32_ADD, I32_LESS] = [0x20, 0x21, 0x22, 0x41, 0x6a, 0x49];
const [LOOP, BRANCH_IF, END, NOTHING] = [0x03, 0x0d, 0x0b, 0x40];
const [BYTES, OFFSET, FIRST_VECTOR] = [0, 1, 2]; // locals: the parameter, the loop's offset, vectors

/** Bytes of a vector. */
export const VECTOR = 16;

/** Code of a module's function: `before` and `after` once, `body` for every vector. */
export interface LoopCode {
  readonly before: Code;
  readonly body: Code;
  readonly after: Code;
  /** Vectors it names. */
  readonly vectors: number;
}

/** A module that imports the memory `m.m` and exports `f(bytes)`, which loops over the offsets 0, 16, .. below `bytes` (at least one). */
export function loopModule({ before, body, after, vectors }: LoopCode): Uint8Array {
  const locals = [2, 1, I32, ...unsigned(vectors), V128]; // two groups
  const step = [...get(OFFSET), I32_CONST, VECTOR, I32_ADD, LOCAL_TEE, OFFSET, ...get(BYTES), I32_LESS, BRANCH_IF, 0];
  const code = [...locals, ...before, LOOP, NOTHING, ...body, ...step, END, ...after, END];
  const [memory, name] = [text("m"), text("f")];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, I32, 0]), // the type (i32) -> ()
    ...section(2, [1, ...memory, ...memory, 0x02, 0x00, 1]), // a memory of at least a page
    ...section(3, [1, 0]), // a function of type 0
    ...section(7, [1, ...name, 0x00, 0]),
    ...section(10, [1, ...sized(code)]),
  ]);
}

/** Arithmetic of vectors: codes behind the SIMD prefix. */
export const ARITHMETIC = { sqrt: 0xe3, add: 0xe4, sub: 0xe5, mul: 0xe6, div: 0xe7 } as const;

/** An operation on the values its operands leave. */
export const operate = (op: keyof typeof ARITHMETIC, ...operands: Code[]): Code => [
  ...operands.flat(),
  ...simd(ARITHMETIC[op]),
];
/** Vector i. */
export const vector = (i: number): Code => get(FIRST_VECTOR + i);
/** Takes a value into vector i, which is zero before. */
export const setVector = (i: number, value: Code): Code => [...value, LOCAL_SET, ...unsigned(FIRST_VECTOR + i)];
/** The loop's vector of the array at `base`. */
export const load = (base: number): Code => [...get(OFFSET), ...simd(0x00, 2, ...unsigned(base))];
/** A value as the loop's vector of the array at `base`. */
export const store = (base: number, value: Code): Code => [
  ...get(OFFSET),
  ...value,
  ...simd(0x0b, 2, ...unsigned(base)),
];
/** A value at an address. */
export const storeOnce = (at: number, value: Code): Code => [I32_CONST, 0, ...value, ...simd(0x0b, 2, ...unsigned(at))];
/** The float at an address, four times. */
export const loadScalar = (at: number): Code => [I32_CONST, 0, ...simd(0x09, 2, ...unsigned(at))];
/** A number, rounded to float32, four times. */
export const number = (value: number): Code => simd(0x0c, ...new Uint8Array(new Float32Array(4).fill(value).buffer));

const get = (local: number) => [LOCAL_GET, ...unsigned(local)];
const simd = (code: number, ...operands: number[]) => [0xfd, ...unsigned(code), ...operands];
const sized = (bytes: Code) => [...unsigned(bytes.length), ...bytes];
const section = (id: number, bytes: Code) => [id, ...sized(bytes)];
const text = (value: string) => sized([...Buffer.from(value)]);

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}
