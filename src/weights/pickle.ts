/**
 * @file A reader of pickle streams that runs nothing: the opcodes torch.save writes (protocol 2), a stack, a memo, and no import or call.
 * Opcodes: CPython, Lib/pickletools.py; the subset is that of pytorch/pytorch, torch/_weights_only_unpickler.py, without sets.
 */
import type { SegError } from "../errors.js";
import {
  call,
  type Dict,
  GlobalName,
  isHostile,
  Marker,
  nameOf,
  type PickleValue,
  storageOf,
  Tuple,
} from "./pickle-values.js";

/** More than any model needs; bounds memory, since one byte can make an object. */
const MOST_STEPS = 4_000_000;

/** Reads one pickled value. `refuse` makes the error for a stream that is damaged, hostile or of another kind. */
export function readPickle(bytes: Buffer, refuse: (reason: string) => SegError): PickleValue {
  const machine = new Machine(bytes, refuse);
  for (let step = 0; step < MOST_STEPS; step++) {
    const opcode = machine.byte();
    if (opcode === STOP) return machine.pop();
    const run = opcodes.get(opcode);
    if (!run) throw machine.fault(`opcode 0x${opcode.toString(16)} is not one torch writes`);
    run(machine);
  }
  throw machine.fault(`more than ${MOST_STEPS} steps`);
}

const STOP = 0x2e;

class Machine {
  private at = 0;
  private stack: PickleValue[] = [];
  private readonly below: PickleValue[][] = [];
  readonly memo = new Map<number, PickleValue>();

  constructor(
    private readonly bytes: Buffer,
    private readonly refuse: (reason: string) => SegError,
  ) {}

  fault(reason: string): SegError {
    return this.refuse(`its pickle is refused at byte ${this.at}: ${reason}`);
  }

  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw this.fault("it is cut short");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  byte(): number {
    return this.take(1)[0];
  }

  uint32(): number {
    return this.take(4).readUInt32LE();
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 1000) throw this.fault("a name has no end");
    const text = this.take(end - this.at).toString("utf8");
    this.at++;
    return text;
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined) throw this.fault("its stack is empty");
    return value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined) throw this.fault("its stack is empty");
    return value;
  }

  mark(): void {
    this.below.push(this.stack);
    this.stack = [];
  }

  sinceMark(): PickleValue[] {
    const items = this.stack;
    const stack = this.below.pop();
    if (!stack) throw this.fault("a mark is missing");
    this.stack = stack;
    return items;
  }

  popTuple(count: number): void {
    const items: PickleValue[] = [];
    for (let i = 0; i < count; i++) items.unshift(this.pop());
    this.push(new Tuple(items));
  }
}

const opcodes: ReadonlyMap<number, (m: Machine) => void> = new Map([
  [0x80, protocol],
  [0x28, (m) => m.mark()], // MARK
  [0x74, (m) => m.push(new Tuple(m.sinceMark()))], // TUPLE
  [0x29, (m) => m.popTuple(0)], // EMPTY_TUPLE
  [0x85, (m) => m.popTuple(1)], // TUPLE1
  [0x86, (m) => m.popTuple(2)], // TUPLE2
  [0x87, (m) => m.popTuple(3)], // TUPLE3
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x4a, (m) => m.push(m.take(4).readInt32LE())], // BININT
  [0x4b, (m) => m.push(m.byte())], // BININT1
  [0x4d, (m) => m.push(m.take(2).readUInt16LE())], // BININT2
  [0x47, (m) => m.push(m.take(8).readDoubleBE())], // BINFLOAT
  [0x8a, (m) => m.push(decodeLong(m.take(m.byte())))], // LONG1
  [0x58, (m) => m.push(decodeText(m, m.take(m.uint32())))], // BINUNICODE
  [0x55, (m) => m.push(Uint8Array.from(m.take(m.byte())))], // SHORT_BINSTRING
  [0x63, global], // GLOBAL
  [0x51, persistent], // BINPERSID
  [0x52, reduce], // REDUCE
  [0x81, reduce], // NEWOBJ: a class and its arguments, the same here
  [0x62, build],
  [0x61, (m) => append(m, [m.pop()])], // APPEND
  [0x65, (m) => append(m, m.sinceMark())], // APPENDS
  [0x73, (m) => setItems(m, [m.pop(), m.pop()].reverse())], // SETITEM
  [0x75, (m) => setItems(m, m.sinceMark())], // SETITEMS
  [0x71, (m) => m.memo.set(m.byte(), m.top())], // BINPUT
  [0x72, (m) => m.memo.set(m.uint32(), m.top())], // LONG_BINPUT
  [0x68, (m) => recall(m, m.byte())], // BINGET
  [0x6a, (m) => recall(m, m.uint32())], // LONG_BINGET
] as [number, (m: Machine) => void][]);

function protocol(m: Machine): void {
  const version = m.byte();
  if (version !== 2) throw m.fault(`protocol ${version} instead of 2`);
}

function global(m: Machine): void {
  const name = `${m.line()}.${m.line()}`;
  if (isHostile(name)) throw m.fault(`it names ${name}, as only an attack does (nothing was run)`);
  m.push(new GlobalName(name));
}

function persistent(m: Machine): void {
  const storage = storageOf(m.pop());
  if (storage === undefined) throw m.fault("a persistent id is no storage");
  m.push(storage);
}

function reduce(m: Machine): void {
  const given = m.pop();
  const callee = m.pop();
  const result = call(callee, given);
  if (result === undefined) throw m.fault(`${nameOf(callee) ?? "a value"} is called with damaged arguments`);
  m.push(result);
}

/** State of an object: of a marker or an OrderedDict it says nothing about tensors. */
function build(m: Machine): void {
  m.pop();
  const target = m.top();
  if (!(target instanceof Marker || target instanceof Map)) throw m.fault("it sets the state of plain data");
}

function append(m: Machine, items: readonly PickleValue[]): void {
  const target = m.top();
  if (Array.isArray(target)) for (const item of items) target.push(item);
  else if (!(target instanceof Marker)) throw m.fault("it appends to what is no list");
}

function setItems(m: Machine, items: readonly PickleValue[]): void {
  const target = m.top();
  if (items.length % 2) throw m.fault("a key has no value");
  if (target instanceof Map) for (let i = 0; i < items.length; i += 2) (target as Dict).set(items[i], items[i + 1]);
  else if (!(target instanceof Marker)) throw m.fault("it sets items of what is no dict");
}

function recall(m: Machine, index: number): void {
  const value = m.memo.get(index);
  if (value === undefined) throw m.fault(`memo ${index} is empty`);
  m.push(value);
}

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(m: Machine, bytes: Buffer): string {
  try {
    return text.decode(bytes);
  } catch {
    throw m.fault("a text is no UTF-8");
  }
}

/** Two's complement, little-endian, any length up to 255 bytes. */
function decodeLong(bytes: Buffer): number | bigint {
  const hex = Buffer.from(bytes).reverse().toString("hex");
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex || "0"}`));
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}
