/** @file Signals of the process as an AbortSignal: the first one asks the work to stop, a second one ends the process at once. */

/** Numbers of the signals that are heard; the exit code is 128 + number. */
export const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 2, SIGUSR1: 10, SIGTERM: 15 };

/** Runs `work` with a signal whose abort reason is the process signal's name. */
export async function withSignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const hear = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(128 + SIGNALS[name]);
    controller.abort(name);
  };
  for (const name of Object.keys(SIGNALS)) process.on(name, hear);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of Object.keys(SIGNALS)) process.off(name, hear);
  }
}
