/**
 * @file Photos through a model one after another. With more than a few of them a thread decodes the next ones and writes the one before while the
 * model is at work; the files, their order and what is told of them are the same.
 */
import { availableParallelism } from "node:os";
import { batchesAhead } from "./data/ahead.js";
import { EXIT, errorLine, SegError } from "./errors.js";
import type { TensorData } from "./graph/tensor.js";
import { startThread } from "./helper-thread.js";
import { type OpenPhoto, type PhotoJob, type PhotoPlan, type PhotoWork, photoWork } from "./photo-work.js";
import type { Predictor } from "./predictor.js";
import type { Talk } from "./talk.js";

/** What became of one input. */
export interface Prediction {
  readonly input: string;
  readonly output: string;
  readonly state: "written" | "complete" | "failed";
  readonly error?: SegError;
}

/** Photos a thread pays for its start with. */
const WORTH_A_THREAD = 4;

export interface PhotoQueue {
  /** Predicts the next photo; what became of those that are finished since the last call. */
  next(): Promise<Prediction[]>;
  /** Waits for what is still being written. */
  finish(): Promise<Prediction[]>;
  close(): Promise<void>;
}

/** What is asked of the thread. */
export type PhotoAsk =
  | { readonly n: number; readonly job: PhotoJob }
  | { readonly n: number; readonly logits: TensorData };

/** A queue over photos. A full disk makes it reject; any other fault of a photo becomes its prediction. */
export function photoQueue(
  plan: PhotoPlan,
  jobs: readonly PhotoJob[],
  predictor: Predictor,
  talk: Talk,
  threadFrom = WORTH_A_THREAD,
): PhotoQueue {
  const inThread = jobs.length >= threadFrom && availableParallelism() > 1;
  const here = photoWork(plan);
  const thread = inThread ? photoThread(plan) : here;
  const workOn = (n: number) => (n === 0 ? here : thread); // the first photo goes through while the thread starts
  const open = (n: number) => workOn(n).open(n, jobs[n]);
  const opened = inThread ? batchesAhead(open, jobs.length) : open;
  let writing: Promise<Prediction[]> = Promise.resolve([]);
  let count = 0;
  const finish = async () => {
    const before = writing;
    writing = Promise.resolve([]);
    return before;
  };
  return {
    finish,
    async next() {
      const n = count++;
      const ready = await settled(throughModel(opened(n), predictor));
      const finished = await finish();
      writing = outcome(jobs[n], talk, async () => {
        const { logits, warnings } = ready();
        for (const line of warnings) talk.warn(line);
        if (logits) await workOn(n).write(n, logits);
        return logits ? "written" : "complete";
      }).then((prediction) => [prediction]);
      writing.catch(() => {}); // whoever waits for it hears of it
      return inThread ? finished : [...finished, ...(await finish())];
    },
    async close() {
      await writing.catch(() => {}); // an output that was begun is whole
      await thread.close();
    },
  };
}

/** No logits for a photo whose output is complete. */
async function throughModel(opening: Promise<OpenPhoto>, predictor: Predictor) {
  const { input, warnings } = await opening;
  return { warnings, logits: input && (await predictor.logits(input)) };
}

/** A promise's end, to be looked at later. */
async function settled<T>(promise: Promise<T>): Promise<() => T> {
  try {
    const value = await promise;
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Does the work on one input; a fault of the input is told and becomes its prediction. */
export async function outcome(
  { input, output }: PhotoJob,
  talk: Talk,
  work: () => Promise<"written" | "complete">,
): Promise<Prediction> {
  try {
    return { input, output, state: await work() };
  } catch (error) {
    if (!(error instanceof SegError) || error.exitCode === EXIT.guard) throw error; // a full disk stops everything
    talk.info(`seg: ${errorLine(error)}`);
    return { input, output, state: "failed", error };
  }
}

/** `photoWork` in a thread of its own. */
function photoThread(plan: PhotoPlan): PhotoWork {
  const thread = startThread<PhotoAsk, OpenPhoto>(import.meta.url, "photo-thread", plan);
  return {
    open: (n, job) => thread.ask({ n, job }),
    write: async (n, logits) => void (await thread.ask({ n, logits }, [logits.data.buffer as ArrayBuffer])),
    close: thread.close,
  };
}
