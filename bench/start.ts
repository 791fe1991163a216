/** @file How long `seg --help` takes beyond a bare `node -e 0`: medians of runs in turn, whole processes. */
import { spawnSync } from "node:child_process";
import { writeResults } from "./results.js";

const ROUNDS = 15;
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "node -e 0": ["-e", "0"],
  "seg --help": ["dist/src/cli/main.js", "--help"],
};

const seconds: Record<string, number[]> = Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++)
  for (const [name, args] of Object.entries(COMMANDS)) {
    const began = performance.now();
    const { status } = spawnSync(process.execPath, args);
    if (status !== 0) throw new Error(`${name} ended with ${status}; run npm run prepare first`);
    seconds[name].push((performance.now() - began) / 1000);
  }

const median = (items: readonly number[]) => [...items].sort((a, b) => a - b)[Math.floor(items.length / 2)];
const medians = Object.entries(seconds).map(([name, all]) => [name, median(all).toFixed(3)] as const);
await writeResults("bench/results", "start", {
  title: "Start of the command line",
  columns: ["", "seconds (median)"],
  rows: medians,
  remarks: [
    `seg --help takes ${(median(seconds["seg --help"]) - median(seconds["node -e 0"])).toFixed(3)} s more (allowed: 0.2)`,
  ],
  details: seconds,
});
