/**
 * @file Drives the windows of a scene through the model in reading order: the next ones are read and those before are blended and written meanwhile. A window
 * that fails is tried again; then it stops the run, or is marked if that was asked for.
 */
import { batchesAhead } from "../data/ahead.js";
import { EXIT, errorLine, SegError } from "../errors.js";
import { type Axis, isDamage, isUrl } from "../raster/index.js";
import { type Progress, Stopped, turn } from "../talk.js";
import { type PreparedWindow, type SceneReader, windowAt } from "./reader.js";
import type { SceneSink, WindowScores } from "./sink.js";

/** Times a window is tried before it counts as failed. */
const TRIES = 3;
/** Windows that wait for the sink at most, beside the one it works on: each holds its scores. */
const WAITING = 1;
/** Bytes of scores from which none waits. */
const LARGE = 2 ** 27;

/** Weights of a window's columns and rows in the blend. */
export interface WindowWeights {
  readonly across: Float64Array;
  readonly down: Float64Array;
}

/** Gives a prepared window's scores; with weights, where the model can, times them. */
export type SceneModel = (window: PreparedWindow, weights?: WindowWeights) => Promise<WindowScores["scores"]>;

/** What runs, and over what. */
export interface SceneRun {
  /** What errors name. */
  readonly path: string;
  readonly columns: Axis;
  readonly rows: Axis;
  readonly reader: Pick<SceneReader, "read">;
  readonly model: SceneModel;
  /** Weights of every column and row of windows, where the sink does not need the plain probabilities. */
  readonly weights?: { readonly columns: readonly Float64Array[]; readonly rows: readonly Float64Array[] };
  readonly sink: Pick<SceneSink, "add" | "endRow">;
  /** First row of windows to run; those before it are finished. */
  readonly from?: number;
  /** Columns of windows that failed in the rows that are finished, by row. */
  readonly marked?: ReadonlyMap<number, readonly number[]>;
  /** `nodata`: a window that fails for good is marked and counted, and the run goes on. */
  readonly onError?: "fail" | "nodata";
  readonly bar: Progress;
  readonly warn?: (line: string) => void;
  /** Called between two windows; what it rejects with ends the run. */
  readonly breathe?: () => Promise<void>;
}

/** Runs all windows from a row on; resolves when every row is committed. */
export async function mapWindows(run: SceneRun): Promise<void> {
  const { columns, rows, reader, sink, from = 0, breathe = turn } = run;
  const across = columns.starts.length;
  const first = from * across;
  const read = batchesAhead((n) => reader.read(first + n), (rows.starts.length - from) * across);
  const queue = sinkQueue();
  run.bar.add(first);
  try {
    for (let row = from; row < rows.starts.length; row++) {
      const began = performance.now();
      const report = { skipped: 0, failed: [] as number[] };
      for (let column = 0; column < across; column++) {
        const n = row * across + column;
        const window = await tryWindow(run, n, (again) => (again ? reader.read(n) : read(n - first)));
        if (window.failed) report.failed.push(column);
        else if (!window.scores) report.skipped++;
        await queue.add(() => sink.add({ column, row, ...window }), window.scores?.data.byteLength);
        run.bar.add(1);
        await breathe();
      }
      await queue.add(() => sink.endRow({ row, ...report, seconds: (performance.now() - began) / 1000 }));
    }
  } finally {
    await queue.end();
  }
}

type Scored = Pick<WindowScores, "scores" | "valid" | "failed" | "wasRead">;

/** Scores of a window; `prepare(again)` reads it. */
async function tryWindow(
  run: SceneRun,
  n: number,
  prepare: (again: boolean) => Promise<PreparedWindow>,
): Promise<Scored> {
  let fault: unknown;
  let read: PreparedWindow | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      read = await prepare(attempt > 0);
      const valid = read.valid && { valid: read.valid };
      if (isMarked(run, n)) return { failed: true, wasRead: true, ...valid };
      if (!read.input) return {};
      const scores = await run.model(read, weightsOf(run, n));
      if (scores) refuseNaN(scores);
      return { scores, ...valid };
    } catch (error) {
      if (error instanceof Stopped || isFatal(error, run.path)) throw error;
      fault = error;
    }
  }
  return giveUp(run, n, fault, read);
}

/** A window that failed for good: the run ends, or the window is to be marked. */
function giveUp(run: SceneRun, n: number, fault: unknown, read: PreparedWindow | undefined): Scored {
  const { x, y, width, height } = windowAt(run.columns, run.rows, n);
  const reason = `window ${x},${y} (${width} x ${height}) failed ${TRIES} times: ${errorLine(fault)}`;
  const isNew = !run.marked?.has(Math.floor(n / run.columns.starts.length));
  if (run.onError !== "nodata" || !(isNew || isMarked(run, n))) {
    const remedy = "run again to go on from there, or mark such windows with --on-error nodata";
    throw new SegError(run.path, reason, remedy, EXIT.usage, { cause: fault });
  }
  if (isNew) run.warn?.(`${run.path}: ${reason}; it is marked as no data`);
  return { failed: true, wasRead: read !== undefined, ...(read?.valid && { valid: read.valid }) };
}

/** Whether a window of a finished row failed then: it does so again, so that what is made from it is the same. */
const isMarked = ({ marked, columns }: SceneRun, n: number): boolean =>
  marked?.get(Math.floor(n / columns.starts.length))?.includes(n % columns.starts.length) === true;

/** Faults that are not one window's: a full disk, a server that is gone, a file that is another one now. */
const isFatal = (error: unknown, path: string): boolean =>
  error instanceof SegError && (error.exitCode === EXIT.guard || (isUrl(path) && !isDamage(error)));

/** A softmax over anything that is not a number is not a number in every class: one of them tells. Of logits, all are looked at. */
function refuseNaN({ data, channels, isProbability }: NonNullable<WindowScores["scores"]>): void {
  const count = isProbability ? data.length / channels : data.length;
  for (let at = 0; at < count; at++) {
    if (!Number.isFinite(data[at])) throw new Error(`the model's score ${at} is not a number`);
  }
}

function weightsOf({ weights, columns }: SceneRun, n: number): WindowWeights | undefined {
  const across = columns.starts.length;
  return weights && { across: weights.columns[n % across], down: weights.rows[Math.floor(n / across)] };
}

/** Work for the sink, one piece after another; a fault shows at the next call. */
function sinkQueue() {
  const waiting: Promise<void>[] = [];
  let last: Promise<void> = Promise.resolve();
  return {
    async add(work: () => Promise<void>, bytes = 0): Promise<void> {
      last = last.then(work);
      last.catch(() => {}); // whoever waits for it hears of it
      waiting.push(last);
      while (waiting.length > (bytes > LARGE ? 0 : WAITING)) await waiting.shift();
    },
    end: () => last,
  };
}
