/**
 * @file Preloaded into a process of ours (node --import): notes when the model runs. At exit the file MODEL_TIME gets JSON:
 * { began, ended, runs: [[session, start, end], ...] }, milliseconds of the wall clock. What is timed is the native call of ONNX Runtime, which
 * blocks: InferenceSession.run around it waits for a turn of the event loop, in which other work would count as the model's.
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

if (isMainThread && process.env.MODEL_TIME) note(process.env.MODEL_TIME);

function note(path) {
  const require = createRequire(process.argv[1]);
  const { binding } = require(join(dirname(require.resolve("onnxruntime-node")), "binding.js"));
  const now = () => performance.timeOrigin + performance.now();
  const runs = [];
  let sessions = 0;
  binding.InferenceSession = class extends binding.InferenceSession {
    number = sessions++;
    run(...args) {
      const start = now();
      try {
        return super.run(...args);
      } finally {
        runs.push([this.number, start, now()]);
      }
    }
  };
  process.on("exit", () => {
    writeFileSync(path, JSON.stringify({ began: performance.timeOrigin, ended: now(), runs }));
  });
}
