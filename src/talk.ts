/**
 * @file What long work says while it goes on, and how it is stopped. The library is silent by default; the command line prints to stderr. `breathe`
 * lets signals and timers in between two pieces of work, and rejects with `Stopped` when the caller's AbortSignal says so.
 */

export interface Progress {
  add(count: number, note?: string): void;
  end(): void;
}

export interface Talk {
  info(line: string): void;
  warn(line: string): void;
  progress(label: string, total: number): Progress;
  /** Gives the event loop a turn. Rejects with `Stopped` once the signal is aborted. */
  breathe(): Promise<void>;
  /** Hears rows of metrics.jsonl as they are written. */
  readonly row?: (row: MetricsEvent) => void;
  /** Asks the work to stop; its reason is the name of a process signal on the command line. */
  readonly signal?: AbortSignal;
}

/** A training step or a validation, as a line of metrics.jsonl. */
export interface MetricsEvent {
  readonly event: "step" | "validation";
  readonly step: number;
  readonly epoch: number;
  readonly [key: string]: unknown;
}

/** What `onEvent` hears: lines of talk, progress of a stage, and every row of metrics.jsonl. */
export type TalkEvent =
  | { readonly event: "info" | "warning"; readonly line: string }
  | { readonly event: "progress"; readonly stage: string; readonly done: number; readonly total: number }
  | MetricsEvent;

/** How the caller of a long function of the library follows and stops it. */
export interface LongCall {
  readonly onEvent?: (event: TalkEvent) => void;
  /** Stops the work between two pieces of it; the promise then rejects with `Stopped`. What was finished is kept. */
  readonly signal?: AbortSignal;
}

/** Work that ended because its signal was aborted. */
export class Stopped extends Error {
  constructor(
    /** The reason given to `abort`: a process signal's name on the command line. */
    readonly signal: string,
  ) {
    super(`stopped by ${signal}`);
    this.name = "Stopped";
  }
}

/** The error for an aborted signal, or undefined. */
export function stoppedBy(signal: AbortSignal | undefined): Stopped | undefined {
  if (!signal?.aborted) return undefined;
  return new Stopped(typeof signal.reason === "string" ? signal.reason : "its caller");
}

/** A turn of the event loop: signal handlers and timers run. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `breathe` for work that a signal stops. */
export const breatheUnder = (signal: AbortSignal | undefined) => async (): Promise<void> => {
  await turn();
  const stopped = stoppedBy(signal);
  if (stopped) throw stopped;
};

export const silent: Talk = {
  info() {},
  warn() {},
  progress: () => ({ add() {}, end() {} }),
  breathe: turn,
};

/** The talk of a library call: events to a callback, stopped by a signal. */
export function talkTo({ onEvent, signal }: LongCall = {}): Talk {
  if (!onEvent) return { ...silent, breathe: breatheUnder(signal), signal };
  return {
    info: (line) => onEvent({ event: "info", line }),
    warn: (line) => onEvent({ event: "warning", line }),
    progress(stage, total) {
      let done = 0;
      const add = (count: number) => {
        done += count;
        onEvent({ event: "progress", stage, done, total });
      };
      return { add, end() {} };
    },
    breathe: breatheUnder(signal),
    row: onEvent,
    signal,
  };
}
