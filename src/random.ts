/**
 * @file Counter-based random numbers: the i-th number of a stream is a pure function of (seed, key, i), so nothing has to be saved to
 * go on. The mix is splitmix64's finaliser on 32-bit halves (Steele, Lea, Flood 2014), keyed by FNV-1a of the key.
 */

export interface Generator {
  /** In [0, 1), 24 bits. */
  uniform(): number;
  /** Integer in [0, below). */
  integer(below: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
}

/** The stream of a seed and a key (anything that names its use: "order/3", a parameter's name). */
export function generator(seed: number, key: string): Generator {
  const start = mix(hashText(key) ^ Math.imul(seed | 0, 0x9e3779b1));
  const second = mix(start ^ 0x85ebca6b);
  let index = 0;
  const bits = () => mix(Math.imul(index++, 0x9e3779b1) + start) ^ mix(index + second);
  const uniform = () => (bits() >>> 8) / 2 ** 24;
  return {
    uniform,
    integer: (below) => Math.floor(uniform() * below),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** 0 .. count - 1 in the order of a seed and key (Fisher-Yates). */
export function permutation(count: number, seed: number, key: string): Uint32Array {
  const random = generator(seed, key);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
