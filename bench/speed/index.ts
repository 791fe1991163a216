/**
 * @file Every row of the table of targets side by side: ours and each peer in fresh processes, in turn, medians over all rounds, peak memory of
 * each process. Rows measured before on the same machine stay in the table with their own date.
 *
 * usage: tsx bench/speed/index.ts --python PY [--only ROW,...] [--tfjs FOLDER] [--rounds 3] [--samples 6] [--threads 2] [--out bench/results]
 * PY has peers/requirements.txt (torch for the CPU). FOLDER: see peers/build-tfjs-node.sh. The rows that run
 * the command line need npm run prepare. `--only list` says what there is.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine, writeResults } from "../results.js";
import { type MeasuredRow, type MeasuredRows, report } from "./report.js";
import { type Row, rows } from "./rows.js";
import { type Machine, type Measured, nothing, runSide, type Side } from "./run-side.js";

const { values } = parseArgs({
  options: {
    python: { type: "string" },
    tfjs: { type: "string" },
    only: { type: "string" },
    rounds: { type: "string", default: "3" },
    samples: { type: "string", default: "6" },
    threads: { type: "string", default: String(machine().cores) },
    out: { type: "string", default: "bench/results" },
  },
});
const threads = Number(values.threads);
const chosen = choose(values.only);
const peers: Machine = { python: values.python, tfjs: values.tfjs };
const measured = earlier();
for (const row of chosen) {
  measured[row.name] = await measureRow(row);
  await writeResults(values.out, "speed", report(measured), row === chosen[chosen.length - 1]);
}

function choose(only: string | undefined): Row[] {
  if (only === undefined) return rows.filter(({ slow }) => !slow);
  const found = only.split(",").map((name) => rows.find((row) => row.name === name));
  const known = found.filter((row): row is Row => row !== undefined);
  if (known.length === found.length) return known;
  for (const { name, about, slow } of rows) console.error(`  ${name.padEnd(18)} ${about}${slow ? " (slow)" : ""}`);
  return process.exit(only === "list" ? 0 : 2);
}

/** Rows of the last report, where it was made on this machine. */
function earlier(): MeasuredRows {
  const path = join(values.out, "speed.json");
  if (!existsSync(path)) return {};
  const last = JSON.parse(readFileSync(path, "utf8")) as {
    details: MeasuredRows;
    measured: { cpu: string; cores: number };
  };
  const { cpu, cores } = machine();
  return last.measured.cpu === cpu && last.measured.cores === cores ? last.details : {};
}

/** Sides in turn, the order turned round every other round, so that a machine that slows down slows all of them. */
async function measureRow(row: Row): Promise<MeasuredRow> {
  const sides: [string, Side, Measured][] = [["ours", row.ours, nothing()]];
  for (const [name, side] of Object.entries(row.peers)) sides.push([name, side, nothing()]);
  const rounds = row.rounds ?? Number(values.rounds);
  const repeats = Math.max(1, Math.ceil((row.samples ?? Number(values.samples)) / rounds));
  for (let round = 0; round < rounds; round++) {
    for (const [name, side, into] of round % 2 ? [...sides].reverse() : sides) {
      if (into.unavailable || sides[0][2].unavailable) continue;
      await runSide(side, peers, { warmUp: row.warmUp ?? 1, repeats, threads }, into);
      const last = into.seconds.slice(-repeats).map((value) => value.toFixed(3));
      console.error(`${row.name} round ${round + 1}/${rounds} ${name}: ${into.unavailable ?? `${last.join(" ")} s`}`);
    }
  }
  const [ours, ...others] = sides;
  const versions = { node: process.version, "onnxruntime-node": machine().onnxruntime };
  Object.assign(ours[2].versions, versions);
  const found = Object.fromEntries(others.map(([name, , into]) => [name, into]));
  return { date: new Date().toISOString(), rounds, threads, ours: ours[2], peers: found };
}
