/** @file The body of the thread that works on photos beside the model (photo-queue.ts). */
import { workerData } from "node:worker_threads";
import { answerAsks } from "./helper-thread.js";
import type { PhotoAsk } from "./photo-queue.js";
import { type OpenPhoto, type PhotoPlan, photoWork } from "./photo-work.js";

const work = photoWork(workerData as PhotoPlan);

answerAsks<PhotoAsk, OpenPhoto>(async (ask) => {
  if ("job" in ask) {
    const answer = await work.open(ask.n, ask.job);
    return { answer, transfer: answer.input ? [answer.input.data.buffer as ArrayBuffer] : [] };
  }
  await work.write(ask.n, ask.logits);
  return { answer: { input: undefined, warnings: [] } };
});
