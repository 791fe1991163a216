/** @file Reader and sink in threads of their own, beside the model: it holds the event loop while it computes. */
import type { TensorData } from "../graph/tensor.js";
import { startThread } from "../helper-thread.js";
import type { CogSummary } from "../cog/index.js";
import type { PreparedWindow, ReaderPlan, Reading, SceneReader } from "./reader.js";
import type { RowReport, SceneSink, SinkPlan, WindowScores } from "./sink.js";

/** What is asked of the reader's thread. */
export type ReaderAsk = { readonly read: number } | "reading" | "close";
export type ReaderAnswer = PreparedWindow | Reading | undefined;

/** What is asked of the sink's thread. */
export type SinkAsk =
  | "open"
  | "close"
  | { readonly window: WindowScores }
  | { readonly row: RowReport }
  | { readonly finish: Parameters<SceneSink["finish"]> };
export type SinkAnswer = number | CogSummary | undefined;

/** `sceneReader` in a thread. */
export function readerThread(plan: ReaderPlan): SceneReader {
  const thread = startThread<ReaderAsk, ReaderAnswer>(import.meta.url, "reader-thread", plan);
  return {
    read: async (n) => (await thread.ask({ read: n })) as PreparedWindow,
    reading: async () => (await thread.ask("reading")) as Reading,
    async close() {
      await thread.ask("close").finally(thread.close);
    },
  };
}

/** `sceneSink` in a thread. */
export function sinkThread(plan: SinkPlan): SceneSink {
  const thread = startThread<SinkAsk, SinkAnswer>(import.meta.url, "sink-thread", plan);
  return {
    open: async () => (await thread.ask("open")) as number,
    add: async (window) => void (await thread.ask({ window }, buffersOf(window))),
    endRow: async (row) => void (await thread.ask({ row })),
    finish: async (...finish) => (await thread.ask({ finish })) as CogSummary,
    async close() {
      await thread.ask("close").finally(thread.close);
    },
  };
}

function buffersOf({ scores, valid }: WindowScores): ArrayBuffer[] {
  return [scores?.data, valid].flatMap((part) => (part ? [part.buffer as ArrayBuffer] : []));
}

/** The buffers of a prepared window. */
export const buffersOfPrepared = ({ input, valid }: { input?: TensorData; valid?: Uint8Array }): ArrayBuffer[] =>
  [input?.data, valid].flatMap((part) => (part ? [part.buffer as ArrayBuffer] : []));
