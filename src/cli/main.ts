#!/usr/bin/env node
/**
 * @file The command line. Results go to stdout, the talk to stderr. Each command is loaded only when it is used, so that `seg --help` is quick.
 * Exit codes: 0 done; 1 a bug of ours; 2 input or usage; 3 some items failed; 4 stopped by a guard; 128 + n stopped by signal n.
 */
import { errorLine, EXIT, SegError } from "../errors.js";
import { Stopped } from "../talk.js";
import { topHelp } from "./command-list.js";
import { SIGNALS } from "./signals.js";

/** The command at work, as errors speak of it. */
let atWork = "";

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && argv[0] === "--help") {
    console.log(topHelp());
    return EXIT.ok;
  }
  const { runCommandLine } = await import("./command-line.js");
  return runCommandLine(argv, (command) => {
    atWork = command;
  });
}

function report(error: unknown): number {
  if (process.argv.includes("--debug")) console.error(error);
  if (error instanceof SegError) {
    console.error(`seg: ${errorLine(error)}`);
    return error.exitCode;
  }
  if (error instanceof Stopped) {
    const remedy = atWork === "train" ? "everything is saved, go on with --resume" : "run the same command again";
    console.error(`seg: ${errorLine(error)}; ${remedy}`);
    return 128 + (SIGNALS[error.signal] ?? SIGNALS.SIGTERM);
  }
  console.error(`seg: internal error: ${errorLine(error)}; please report it (run again with --debug for the details)`);
  return EXIT.bug;
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok); // the reader (head, less) has seen enough
  throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch(report);
