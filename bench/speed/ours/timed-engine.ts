/** @file An engine whose programs are timed and counted, so that the real path (Predictor, Session) can be run and its model time read. */
import type { Engine } from "../../../src/engine/index.js";
import { timed } from "../../../src/engine/timed.js";
import { flopsOf } from "../../../src/graph/flops.js";

export interface TimedEngine {
  readonly engine: Engine;
  /** Seconds inside `program.run` since the last call. */
  take(): number;
  /** Floating-point operations of one run of every program compiled so far. */
  flops(): number;
}

export function timedEngine(inner: Engine): TimedEngine {
  const clocked = timed(inner);
  let [taken, flops] = [0, 0];
  const engine: Engine = {
    ...clocked,
    compile(graph, options) {
      flops += flopsOf(Object.values(graph.outputs));
      return clocked.compile(graph, options);
    },
  };
  return {
    engine,
    take() {
      const since = clocked.modelSeconds() - taken;
      taken += since;
      return since;
    },
    flops: () => flops,
  };
}
