/**
 * @file The programs last used of a model: one a key (its input shape). Every program holds a copy of the weights, so images of ever new sizes
 * would fill the memory if all were kept.
 */
import type { Program } from "./engine.js";

const KEPT = 3;

export interface ProgramCache {
  /** Does work with the program of a key, compiled where it is not there; it is never disposed while the work goes on. */
  use<T>(key: string, compile: () => Promise<Program>, work: (program: Program) => Promise<T>): Promise<T>;
  /** Disposes all; those at work once they are done. */
  dispose(): Promise<void>;
}

interface Entry {
  readonly program: Promise<Program>;
  running: number;
}

/** A cache of `most` programs; the one unused for longest goes first. */
export function programCache(most = KEPT): ProgramCache {
  const entries = new Map<string, Entry>();
  let limit = most;
  const evict = async (left: number) => {
    const idle = [...entries].filter(([, { running }]) => running === 0);
    const old = idle.slice(0, Math.max(0, entries.size - left));
    for (const [key] of old) entries.delete(key);
    for (const [, { program }] of old) await (await program).dispose();
  };
  return {
    async use(key, compile, work) {
      const entry = entries.get(key) ?? { program: evict(limit - 1).then(compile), running: 0 };
      entries.delete(key);
      entries.set(key, entry); // now the youngest
      entry.running++;
      try {
        const program = await entry.program.catch((error) => {
          if (entries.get(key) === entry) entries.delete(key);
          throw error;
        });
        return await work(program);
      } finally {
        entry.running--;
        await evict(limit);
      }
    },
    async dispose() {
      limit = 0;
      await evict(0);
    },
  };
}
