/** @file A binary heap of numbered things by a key; equal keys come in the order of their numbers, so that results never depend on history. */

/** Numbers with keys, the smallest key first. */
export interface Heap {
  push(key: number, item: number): void;
  /** Takes the first away; undefined where there is none. */
  pop(): { readonly key: number; readonly item: number } | undefined;
  clear(): void;
}

/** An empty heap. */
export function createHeap(): Heap {
  const keys: number[] = [];
  const items: number[] = [];
  const before = (a: number, b: number) => keys[a] < keys[b] || (keys[a] === keys[b] && items[a] < items[b]);
  const swap = (a: number, b: number) => {
    [keys[a], keys[b]] = [keys[b], keys[a]];
    [items[a], items[b]] = [items[b], items[a]];
  };
  const sink = (at: number) => {
    for (let i = at; ; ) {
      const left = 2 * i + 1;
      let least = left < keys.length && before(left, i) ? left : i;
      if (left + 1 < keys.length && before(left + 1, least)) least = left + 1;
      if (least === i) return;
      swap(i, least);
      i = least;
    }
  };
  return {
    push(key, item) {
      keys.push(key);
      items.push(item);
      for (let i = keys.length - 1; i > 0 && before(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1);
    },
    pop() {
      if (keys.length === 0) return undefined;
      swap(0, keys.length - 1);
      const [key, item] = [keys.pop()!, items.pop()!];
      sink(0);
      return { key, item };
    },
    clear() {
      keys.length = 0;
      items.length = 0;
    },
  };
}
