/** @file The body of the thread that blends and writes beside the model (threads.ts). */
import { workerData } from "node:worker_threads";
import { answerAsks } from "../helper-thread.js";
import { sceneSink, type SinkPlan } from "./sink.js";
import type { SinkAnswer, SinkAsk } from "./threads.js";

const sink = sceneSink(workerData as SinkPlan);

async function work(ask: SinkAsk): Promise<SinkAnswer> {
  if (ask === "open") return sink.open();
  if (ask === "close") return void (await sink.close());
  if ("window" in ask) return void (await sink.add(ask.window));
  if ("row" in ask) return void (await sink.endRow(ask.row));
  return sink.finish(...ask.finish);
}

answerAsks<SinkAsk, SinkAnswer>(async (ask) => ({ answer: await work(ask) }));
