/** @file The talk of long work on stderr: bars on a terminal, plain lines elsewhere. */
import cliProgress from "cli-progress";
import pc from "picocolors";
import { errorLine } from "../errors.js";
import { breatheUnder, type Progress, type Talk } from "../talk.js";

/** Least seconds between two plain progress lines. */
const QUIET = 10;

/** Talk for this process; colours follow NO_COLOR and the terminal. `signal` stops the work. */
export function terminalTalk(signal?: AbortSignal): Talk {
  const colors = pc.createColors(process.stderr.isTTY === true && process.env.NO_COLOR === undefined);
  return {
    info: (line) => console.error(line),
    warn: (line) => console.error(colors.yellow(`warning: ${errorLine(line)}`)),
    progress: (label, total) => (process.stderr.isTTY ? bar(label, total) : plainLines(label, total)),
    breathe: breatheUnder(signal),
    signal,
  };
}

function bar(label: string, total: number): Progress {
  const format = `${label.padEnd(12)} {bar} {value}/{total}  {note}  ETA {eta_formatted}`;
  const single = new cliProgress.SingleBar(
    { format, stream: process.stderr, hideCursor: true, clearOnComplete: true, etaBuffer: 50 },
    cliProgress.Presets.shades_classic,
  );
  single.start(total, 0, { note: "" });
  return { add: (count, note = "") => single.increment(count, { note }), end: () => single.stop() };
}

function plainLines(label: string, total: number): Progress {
  let done = 0;
  let said = Date.now();
  return {
    add(count, note = "") {
      done += count;
      if (done < total && Date.now() - said < 1000 * QUIET) return;
      said = Date.now();
      console.error(`${label} ${done}/${total}${note ? `  ${note}` : ""}`);
    },
    end() {},
  };
}
