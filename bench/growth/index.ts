/**
 * @file How cost grows: time, peak memory (with the predicted one beside it) and share of the machine's GEMM peak, over image size, batch, classes
 * and threads. Every line is a fresh process; the GEMM is measured in the same run.
 *
 * usage: tsx bench/growth/index.ts [--only size,batch,classes,parts] [--repeats 5] [--threads 2] [--out bench/results]
 */
import { totalmem } from "node:os";
import { parseArgs } from "node:util";
import { machine, writeResults } from "../results.js";
import { median } from "../speed/rows.js";
import { type Measured, nothing, runSide, type Side } from "../speed/run-side.js";
import { sideOf, type Work, tables } from "./tables.js";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    repeats: { type: "string", default: "5" },
    threads: { type: "string", default: String(machine().cores) },
    out: { type: "string", default: "bench/results" },
  },
});
const repeats = Number(values.repeats);
const all = tables(Number(values.threads));
const names = values.only?.split(",") ?? all.map(({ name }) => name);
const unknown = names.find((name) => !all.some((table) => table.name === name));
if (unknown) throw new Error(`there is no table ${unknown}; there are: ${all.map(({ name }) => name).join(", ")}`);

/** A line as it was measured; `skipped` says why it was not. */
interface Found {
  readonly table: string;
  readonly work: Work;
  readonly measured?: Measured;
  readonly skipped?: string;
}
const found: Found[] = [];
const peaks = new Map<number, number>();
for (const { name, works } of all.filter((table) => names.includes(table.name)))
  for (const work of works) {
    if (!peaks.has(work.threads)) peaks.set(work.threads, await gemmPeak(work.threads));
    found.push(await run(name, work));
    await report(false);
  }
await report(true);

/** FLOP/s of one large matrix product. */
async function gemmPeak(threads: number): Promise<number> {
  const measured = await once({ file: "ours/gemm.ts" }, threads, 20);
  if (measured.unavailable) throw new Error(measured.unavailable);
  return measured.figures.flops[0] / median(measured.seconds);
}

async function once(side: Side, threads: number, count: number): Promise<Measured> {
  const into = nothing();
  await runSide(side, {}, { warmUp: 1, repeats: count, threads }, into);
  return into;
}

async function run(table: string, work: Work): Promise<Found> {
  const skipped = tooLarge(work);
  if (skipped) return { table, work, skipped };
  const measured = await once(sideOf(work), work.threads, repeats);
  const { about, size, batch, classes, threads } = work;
  const figure = measured.unavailable ?? `${median(measured.seconds).toFixed(3)} s`;
  console.error(`${table}: ${about} size ${size} batch ${batch} classes ${classes} threads ${threads}: ${figure}`);
  return { table, work, measured };
}

/** A size four times the pixels of the last one takes up to four times its memory: not run where the machine has not that much. */
function tooLarge(work: Work): string | undefined {
  const smaller = found.find(({ work: other }) => other.about === work.about && other.size * 2 === work.size);
  const peak = smaller?.measured?.peakBytes[0];
  if (peak === undefined || 4 * peak < 0.9 * totalmem()) return undefined;
  return `not run: about ${((4 * peak) / 2 ** 30).toFixed(0)} GiB`;
}

async function report(print: boolean): Promise<void> {
  const results = {
    title: "How time and memory grow",
    columns: [
      "table",
      "work",
      "size",
      "batch",
      "classes",
      "threads",
      "s",
      "peak GiB",
      "predicted GiB",
      "GFLOP",
      "GFLOP/s",
      "of GEMM peak",
    ],
    rows: found.map(lineOf),
    remarks: [...peaks].map(
      ([threads, peak]) =>
        `GEMM peak, ${threads} thread(s): ${(peak / 1e9).toFixed(0)} GFLOP/s (4096 x 768 x 3072, fp32, this run)`,
    ),
    details: { peaks: Object.fromEntries(peaks), found },
  };
  await writeResults(values.out, "growth", results, print);
}

function lineOf({ table, work, measured, skipped }: Found): (string | number)[] {
  const what = [table, work.about, work.size, work.batch, work.classes, work.threads];
  if (!measured || measured.unavailable)
    return [...what, skipped ?? `failed: ${measured?.unavailable}`, "", "", "", "", ""];
  const [flops] = measured.figures.flops;
  const seconds = median(measured.seconds);
  const peak = measured.peakBytes[0];
  return [
    ...what,
    ...[seconds.toFixed(3), (peak / 2 ** 30).toFixed(2), predictedOf(measured, peak)],
    ...[(flops / 1e9).toFixed(1), (flops / seconds / 1e9).toFixed(0)],
    `${((100 * flops) / seconds / (peaks.get(work.threads) as number)).toFixed(0)} %`,
  ];
}

function predictedOf({ figures }: Measured, peak: number): string {
  const [predicted] = figures.predictedBytes ?? [];
  if (predicted === undefined) return "";
  return `${(predicted / 2 ** 30).toFixed(2)} (${predicted > peak ? "+" : ""}${(100 * (predicted / peak - 1)).toFixed(0)} %)`;
}
