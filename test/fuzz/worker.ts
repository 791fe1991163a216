/**
 * @file One process that feeds a target's mutants to its reader: `worker.ts SEED TARGET...`. Prints what went wrong as JSON lines.
 * SEG_FUZZ_COUNT: mutants of each target instead of the tests' few.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorLine, EXIT, SegError } from "../../src/errors.js";
import { targets } from "./targets.js";

/** CPU seconds one mutant may take. */
const SLOWEST = 5;

const [seed, ...names] = process.argv.slice(2);
const say = (line: object) => process.stderr.write(`${JSON.stringify(line)}\n`);

for (const name of names) {
  const folder = await mkdtemp(join(tmpdir(), "seg-fuzz-"));
  try {
    await feed(name, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function feed(name: string, folder: string): Promise<void> {
  const { mutate, seed: make, read, ...target } = targets[name];
  const count = Number(process.env.SEG_FUZZ_COUNT ?? target.count);
  const path = await make(folder);
  const whole = readFileSync(path);
  await read(path, folder); // the whole file is read
  const done = { accepted: 0, refused: 0 };
  let index = 0;
  for (const mutant of mutate(whole, count, Number(seed))) {
    say({ event: "next", name, index, bytes: mutant.subarray(0, 6000).toString("base64") });
    await writeFile(path, mutant);
    const before = process.cpuUsage();
    const error = await read(path, folder).then(
      () => undefined,
      (thrown: unknown) => thrown ?? new Error("rejected with nothing"),
    );
    const fault = error === undefined ? undefined : faultOf(error);
    if (error === undefined) done.accepted++;
    else done.refused++;
    const { user, system } = process.cpuUsage(before);
    if (fault) say({ event: "fault", name, index, fault });
    if (user + system > SLOWEST * 1e6) say({ event: "fault", name, index, fault: "too slow" });
    index++;
  }
  say({ event: "done", name, count: index, ...done, rss: process.resourceUsage().maxRSS * 1024 });
}

/** What is wrong with an error, or undefined: one line that names a subject and a remedy, exit code 2. */
function faultOf(error: unknown): string | undefined {
  if (!(error instanceof SegError)) return (error as Error)?.stack ?? String(error);
  const { subject, reason, remedy, exitCode } = error;
  if (!subject || !reason || !remedy) return `says too little: ${error.message}`;
  if (exitCode !== EXIT.usage) return `exit code ${exitCode}: ${error.message}`;
  return errorLine(error).includes("\n") ? `more than one line: ${error.message}` : undefined;
}
