/**
 * @file A thread beside the model. `program.run` holds the event loop while it computes, so what shall go on meanwhile (decoding, augmentation,
 * encoding) needs a thread of its own. It is asked by messages, answers with what the work returned, and ends with the process.
 */
import { parentPort, Worker } from "node:worker_threads";
import { SegError } from "./errors.js";

/** The asking end of a thread. */
export interface HelperThread<Ask, Answer> {
  /** The work's result, or the error it threw. `transfer`: buffers that move there instead of being copied. */
  ask(ask: Ask, transfer?: readonly ArrayBuffer[]): Promise<Answer>;
  /** Ends the thread; whoever still waits gets an error. */
  close(): Promise<void>;
}

/** What work in a thread returns: `transfer` names the buffers of the answer that move instead of being copied. */
export interface Answered<Answer> {
  readonly answer: Answer;
  readonly transfer?: readonly ArrayBuffer[];
}

/** A fault as it goes from one thread to the other; SegErrors arrive as such. */
type Fault =
  | { readonly kind: "seg"; readonly parts: readonly [string, string, string, number]; readonly stack?: string }
  | { readonly kind: "other"; readonly error: unknown };

type Reply<Answer> = { readonly id: number } & ({ readonly answer: Answer } | { readonly fault: Fault });

interface Waiting<Answer> {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Starts the module `name` (no suffix) that lies beside `base` (an `import.meta.url`) with `plan` as its workerData. */
export function startThread<Ask, Answer>(base: string, name: string, plan: object): HelperThread<Ask, Answer> {
  const worker = base.endsWith(".ts")
    ? sourceWorker(base, name, plan)
    : new Worker(bodyOf(base, name, ".js"), { workerData: plan });
  const waiting = new Map<number, Waiting<Answer>>();
  let count = 0;
  let ended: { readonly error: unknown } | undefined;
  const end = (error: unknown) => {
    ended ??= { error }; // who asks from now on hears of it too
    for (const { reject } of waiting.values()) reject(ended.error);
    waiting.clear();
  };
  const hear = (reply: Reply<Answer>) => {
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref(); // an idle thread keeps no process alive
    if ("fault" in reply) asked?.reject(unpack(reply.fault));
    else asked?.resolve(reply.answer);
  };
  worker.on("message", hear).on("error", end).on("messageerror", end);
  worker.on("exit", () => end(new Error(`internal: the ${name} thread ended`)));
  worker.unref();
  return {
    ask: (ask, transfer = []) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended.error);
        const id = count++;
        worker.postMessage({ id, ask }, transfer);
        waiting.set(id, { resolve, reject });
        worker.ref();
      }),
    close: async () => void (await worker.terminate()),
  };
}

const bodyOf = (base: string, name: string, suffix: string) => new URL(`./${name}${suffix}`, base);

/** A thread from source: tsx, which a thread does not inherit, is registered there first. */
function sourceWorker(base: string, name: string, plan: object): Worker {
  const [tsx, body] = [import.meta.resolve("tsx/esm/api"), bodyOf(base, name, ".ts").href].map((url) =>
    JSON.stringify(url),
  );
  const code = `import(${tsx}).then(({ register }) => { register(); return import(${body}); })`;
  return new Worker(code, { workerData: plan, eval: true });
}

/** The answering end, called once in the thread's module. Asks are worked on as they come, side by side where they wait. */
export function answerAsks<Ask, Answer>(work: (ask: Ask) => Promise<Answered<Answer>>): void {
  if (!parentPort) throw new Error("internal: this module is the body of a thread");
  const port = parentPort;
  port.on("message", async ({ id, ask }: { id: number; ask: Ask }) => {
    try {
      const { answer, transfer = [] } = await work(ask);
      port.postMessage({ id, answer } satisfies Reply<Answer>, transfer);
    } catch (error) {
      port.postMessage({ id, fault: pack(error) } satisfies Reply<Answer>);
    }
  });
}

function pack(error: unknown): Fault {
  if (!(error instanceof SegError)) return { kind: "other", error };
  return { kind: "seg", parts: [error.subject, error.reason, error.remedy, error.exitCode], stack: error.stack };
}

function unpack(fault: Fault): unknown {
  return fault.kind === "seg" ? new SegError(...fault.parts, { cause: fault.stack }) : fault.error;
}
