/**
 * @file What long work says while it goes on. The library is silent by default; the command line prints to stderr. `breathe` lets signals and
 * timers in between two pieces of work, and rejects when the user asked to stop.
 */

export interface Progress {
  add(count: number, note?: string): void;
  end(): void;
}

export interface Talk {
  info(line: string): void;
  warn(line: string): void;
  progress(label: string, total: number): Progress;
  /** Gives the event loop a turn. */
  breathe(): Promise<void>;
}

/** A turn of the event loop: signal handlers and timers run. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const silent: Talk = {
  info() {},
  warn() {},
  progress: () => ({ add() {}, end() {} }),
  breathe: turn,
};
