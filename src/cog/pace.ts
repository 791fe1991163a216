/** @file Work on a bounded number of blocks at a time. */

const MEMORY = 2 ** 26;

/** Blocks under way at once: enough for the threads that compress, and at most 64 MiB of uncompressed samples. */
export const blocksUnderWay = (bytes: number): number => Math.max(1, Math.min(16, Math.floor(MEMORY / bytes)));

/** Makes values 0 ... count - 1, up to `ahead` of them at once, and hands them on in order. */
export async function inOrder<T>(
  count: number,
  ahead: number,
  make: (index: number) => Promise<T>,
  take: (value: T) => void,
): Promise<void> {
  const queue: Promise<T>[] = [];
  try {
    for (let next = 0, done = 0; done < count; done++) {
      while (next < count && queue.length < ahead) queue.push(held(make(next++)));
      take(await queue[0]);
      queue.shift();
    }
  } finally {
    await Promise.allSettled(queue);
  }
}

/** A failure is met when its turn comes; until then Node must not take it for one nobody waits for. */
function held<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Runs tasks without waiting for them, at most `most` at once. The first failure is met by whoever adds or waits next. */
export class UnderWay {
  private readonly tasks = new Set<Promise<void>>();
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly most: number) {}

  /** Starts a task as soon as there is room. */
  async add(task: () => Promise<void>): Promise<void> {
    while (this.tasks.size >= this.most) await Promise.race(this.tasks);
    this.check();
    const running = task()
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => this.tasks.delete(running));
    this.tasks.add(running);
  }

  /** Waits until nothing is under way. */
  async drain(): Promise<void> {
    await Promise.all(this.tasks);
    this.check();
  }

  /** Waits, too, but tells no failure: for who gives up. */
  async settle(): Promise<void> {
    await Promise.all(this.tasks);
  }

  private check(): void {
    if (this.failure) throw this.failure.error;
  }
}
