/** @file Typed arrays that grow: one number a component, without an object each. */

type Numbers = Uint32Array | Int32Array | Float64Array;

/** The same array, or a copy twice as long where `index` lies beyond its end. */
export function grown<T extends Numbers>(array: T, index: number): T {
  if (index < array.length) return array;
  const Kind = array.constructor as new (length: number) => T; // of the array's own kind, which T does not name
  const out = new Kind(Math.max(1024, 2 * index));
  out.set(array);
  return out;
}
