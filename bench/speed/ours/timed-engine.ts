/** @file An engine whose programs are timed and counted, so that the real path (Predictor, Session) can be run and its model time read. */
import type { Engine } from "../../../src/engine/index.js";
import { flopsOf } from "../../../src/graph/flops.js";

export interface TimedEngine {
  readonly engine: Engine;
  /** Seconds inside `program.run` since the last call. */
  take(): number;
  /** Floating-point operations of one run of every program compiled so far. */
  flops(): number;
}

export function timedEngine(inner: Engine): TimedEngine {
  let seconds = 0;
  let flops = 0;
  const engine: Engine = {
    ...inner,
    async compile(graph, options) {
      flops += flopsOf(Object.values(graph.outputs));
      const program = await inner.compile(graph, options);
      return {
        ...program,
        async run(feeds) {
          const began = performance.now();
          try {
            return await program.run(feeds);
          } finally {
            seconds += (performance.now() - began) / 1000;
          }
        },
      };
    },
  };
  return {
    engine,
    take() {
      const taken = seconds;
      seconds = 0;
      return taken;
    },
    flops: () => flops,
  };
}
