/** @file The body of the thread that reads windows beside the model (threads.ts). */
import { workerData } from "node:worker_threads";
import { answerAsks } from "../helper-thread.js";
import { type ReaderPlan, sceneReader } from "./reader.js";
import { buffersOfPrepared, type ReaderAnswer, type ReaderAsk } from "./threads.js";

const reader = sceneReader(workerData as ReaderPlan);

answerAsks<ReaderAsk, ReaderAnswer>(async (ask) => {
  if (ask === "reading") return { answer: await reader.reading() };
  if (ask === "close") {
    await reader.close();
    return { answer: undefined };
  }
  const answer = await reader.read(ask.read);
  return { answer, transfer: buffersOfPrepared(answer) };
});
