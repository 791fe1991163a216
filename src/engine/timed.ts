/** @file An engine that adds up the time its programs run, so that a report can tell the model's share from the rest. */
import type { Engine, Program } from "./engine.js";

/** An engine and what its programs took so far. */
export interface TimedEngine extends Engine {
  /** Seconds spent inside `program.run` of every program compiled here; compiling is not counted. */
  modelSeconds(): number;
}

/** The same engine with a clock. */
export function timed(engine: Engine): TimedEngine {
  let milliseconds = 0;
  const clocked = (program: Program): Program => ({
    ...program,
    async run(feeds) {
      const began = performance.now();
      try {
        return await program.run(feeds);
      } finally {
        milliseconds += performance.now() - began;
      }
    },
  });
  return {
    ...engine,
    compile: async (graph, options) => clocked(await engine.compile(graph, options)),
    modelSeconds: () => milliseconds / 1000,
  };
}
