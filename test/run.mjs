/**
 * @file Runs the test suite with node:test: names every test file (Node 20 finds no .ts by itself), fails when there is none
 * and, with CI set, when a test is skipped: where everything is installed none should be.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );
const filters = process.argv.slice(2);
const files = walk("test").filter(
  (file) => file.endsWith(".test.ts") && (!filters.length || filters.some((f) => file.includes(f))),
);
if (files.length === 0) {
  console.error("no test file found");
  process.exit(1);
}
const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
const result = spawnSync(
  process.execPath,
  ["--import", "tsx", "--test", "--test-concurrency=2", ...reporters, ...files],
  {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 1 << 30,
  },
);
process.stdout.write(result.stdout);
const count = (name) => Number(result.stdout.match(new RegExp(`^. ${name} (\\d+)$`, "m"))?.[1] ?? 0);
if (count("tests") === 0) {
  console.error("0 tests were run");
  process.exit(1);
}
if (process.env.CI && count("skipped") > 0) {
  console.error(`${count("skipped")} tests were skipped`);
  process.exit(1);
}
process.exit(result.status ?? 1);
