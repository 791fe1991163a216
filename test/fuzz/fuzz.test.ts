/**
 * @file 500 damaged inputs over every format that is read (the weights' own are in test/weights/fuzz.test.ts): each is accepted or refused in one
 * line that names a file and a remedy, exit code 2; no other error, no crash of the process, none longer than 5 s, bounded memory.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { targets } from "./targets.js";

const SEED = 1;
/** Bytes a process may take: Node, libvips and onnxruntime with a tiny model, and the mutants' own. */
const MOST_MEMORY = 1.5 * 2 ** 30;
/** Targets a process works through: each process pays for its start. */
const GROUPS = 2;

interface Line {
  readonly event: "next" | "fault" | "done";
  readonly name: string;
  readonly index?: number;
  readonly bytes?: string;
  readonly fault?: string;
  readonly count?: number;
  readonly rss?: number;
}

const names = Object.keys(targets);
for (let group = 0; group < GROUPS; group++) {
  const own = names.filter((_, i) => i % GROUPS === group);
  test(`damaged inputs are refused in one line: ${own.join(", ")}`, { timeout: 600_000 }, async () => {
    const { code, lines, rest } = await feed(own);
    const last = lines.findLast(({ event }) => event === "next");
    assert.equal(code, 0, `the process ended at ${last?.name} ${last?.index}: ${rest}\n${last?.bytes}`);
    for (const { name, index, fault } of lines.filter(({ event }) => event === "fault")) {
      const mutant = lines.find((line) => line.event === "next" && line.name === name && line.index === index);
      assert.fail(`${name} ${index}: ${fault}\n${mutant?.bytes}`);
    }
    const done = lines.filter(({ event }) => event === "done");
    assert.deepEqual(
      done.map(({ name }) => name),
      own,
    );
    for (const { name, count = 0, rss = 0 } of done) {
      assert.ok(count >= targets[name].count, `${name}: ${count} mutants`);
      assert.ok(rss < MOST_MEMORY, `${name}: ${rss} bytes`);
    }
  });
}

test("500 mutants are made", () => {
  const total = Object.values(targets).reduce((sum, { count }) => sum + count, 0);
  assert.ok(total >= 500, `${total}`);
});

function feed(own: readonly string[]): Promise<{ code: number | null; lines: Line[]; rest: string }> {
  const worker = join(import.meta.dirname, "worker.ts");
  const child = spawn(process.execPath, ["--import", "tsx", worker, `${SEED}`, ...own], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const all = text.split("\n");
      const isOurs = (line: string) => line.startsWith('{"event":') && line.endsWith("}");
      const lines = all.filter(isOurs).map((line) => JSON.parse(line) as Line);
      resolve({ code, lines, rest: all.filter((line) => !isOurs(line)).join("\n") });
    });
  });
}
