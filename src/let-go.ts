/** @file Frees large weights at once: they lie outside V8's heap and do not press it to collect, so they would stay through the first run's peak. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { StateDict } from "./weights/state.js";

/** Below this many bytes a collection is not worth its time. */
const WORTH_IT = 64 * 2 ** 20;

/** Empties a state dict that nothing reads any more, and collects it. */
export function letGo(state: StateDict): void {
  let bytes = 0;
  for (const { data } of state.values()) bytes += data.byteLength;
  state.clear();
  if (bytes < WORTH_IT) return;
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
