/** @file The command line as a user meets it: its own process, from source, with a clean environment. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import pLimit from "p-limit";

export const ROOT = join(import.meta.dirname, "../..");

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the process is ended; its code is then 128. */
  readonly timeout?: number;
}

/** Processes at a time. */
const limit = pLimit(2);
const ENTRY = ["--import", import.meta.resolve("tsx"), join(ROOT, "src/cli/main.ts")];

/** Runs `seg ARGS`. */
export const seg = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  limit(() => start([...ENTRY, ...args], options));

function start(args: readonly string[], { cwd = ROOT, env = {}, timeout }: CliOptions): Promise<CliResult> {
  const own = Object.entries(process.env).filter(([name]) => !/^(NODE_TEST_CONTEXT|SEG_|HF_)/.test(name));
  const options = { cwd, env: { ...Object.fromEntries(own), ...env }, timeout, maxBuffer: 1 << 26 };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === "number" ? error.code : 128) : 0, stdout, stderr });
    });
  });
}

/** What a process said of its own: Node's warnings are left out. */
export const linesOf = (text: string): string[] =>
  text.split("\n").filter((line) => line !== "" && !/^\(node:\d+\)|^\(Use `node/.test(line));
