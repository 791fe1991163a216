/** @file Batches made before they are asked for, while the model is at work on those before them. */

/** Most batches made beyond the one asked for. */
export const AHEAD = 2;

/**
 * Batches by number, made one after another, at most AHEAD of them beyond the one asked for and none from `count` on. Numbers are asked for in
 * rising order; a batch that cannot be made rejects when its own turn has come.
 */
export function batchesAhead<T>(make: (n: number) => Promise<T>, count: number): (n: number) => Promise<T> {
  const made = new Map<number, Promise<T>>();
  let last: Promise<unknown> = Promise.resolve();
  const start = (n: number): Promise<T> => {
    const known = made.get(n);
    if (known) return known;
    const batch = last.then(() => make(n));
    last = batch.catch(() => {}); // whoever asks for it hears of it
    made.set(n, batch);
    return batch;
  };
  return (n) => {
    const batch = start(n);
    for (let next = n + 1; next <= n + AHEAD && next < count; next++) start(next);
    made.delete(n);
    return batch;
  };
}
