/** @file Signals of the process as an AbortSignal: the first one asks the work to stop, a second one ends the process at once. */

/** Numbers of the signals that are heard; the exit code is 128 + number. */
export const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 2, SIGUSR1: 10, SIGTERM: 15 };

/** Milliseconds in which the same signal counts once: `timeout` sends it to the process and to its group. */
const TOGETHER = 300;

/** Runs `work` with a signal whose abort reason is the process signal's name. */
export async function withSignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let heard = 0;
  const hear = (name: NodeJS.Signals) => {
    const { aborted, reason } = controller.signal;
    if (aborted && name === reason && performance.now() - heard < TOGETHER) return;
    if (aborted) process.exit(128 + SIGNALS[name]);
    heard = performance.now();
    controller.abort(name);
  };
  for (const name of Object.keys(SIGNALS)) process.on(name, hear);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of Object.keys(SIGNALS)) process.off(name, hear);
  }
}
