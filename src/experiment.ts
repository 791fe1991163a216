/**
 * @file Experiments: one question a file, a grid of ordinary `seg train` runs, one table. Each cell is its own process, so that
 * times and peak memory are its own; a cell that is done is not run again.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { errorLine, SegError } from "./errors.js";
import { readJson, readText, writeFileAtomic } from "./files.js";
import type { RunSummary } from "./run/summary.js";
import { type LongCall, stoppedBy, talkTo } from "./talk.js";
import { packageRoot, software } from "./version.js";

const gridSchema = z.strictObject({
  question: z.string().describe("what the table answers"),
  base: z.record(z.string(), z.unknown()).describe("options every cell shares, as in a seg train config"),
  vary: z.record(z.string(), z.array(z.unknown()).min(1)).describe("option -> values; every combination is a cell"),
});
export type Grid = z.infer<typeof gridSchema>;
export type Cell = { readonly name: string; readonly options: Record<string, unknown> };

/** Types a grid in an experiment file: `export default grid({ question, base, vary })`. */
export const grid = (value: Grid): Grid => gridSchema.parse(value);

/** Reads a grid from YAML, or from the default export of a module (TypeScript through tsx). */
export async function readGrid(file: string): Promise<Grid> {
  if (!existsSync(file)) throw new SegError(file, "does not exist", "give an experiment file (.ts, .js or .yaml)");
  const value = /\.ya?ml$/.test(file) ? parseYaml(await readText(file), file) : await importModule(file);
  const parsed = gridSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SegError(
    file,
    `${issue.path.join(".") || "the top"}: ${issue.message}`,
    "an experiment has question, base and vary",
  );
}

async function importModule(file: string): Promise<unknown> {
  try {
    return await importDefault(file);
  } catch (error) {
    throw new SegError(file, `cannot be loaded (${errorLine(error)})`, "mend the file", 2, { cause: error });
  }
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new SegError(file, `is no YAML (${errorLine(error)})`, "mend the file", 2, { cause: error });
  }
}

/** The default export of a module; .ts goes through tsx, which is loaded only then. */
export async function importDefault(file: string): Promise<unknown> {
  const url = pathToFileURL(resolve(file)).href;
  if (extname(file) !== ".ts") return ((await import(url)) as { default: unknown }).default;
  const { tsImport } = (await import("tsx/esm/api")) as {
    tsImport: (url: string, parent: string) => Promise<{ default: unknown }>;
  };
  const loaded = (await tsImport(url, import.meta.url)).default as { default?: unknown };
  return loaded?.default ?? loaded;
}

/** Every combination of the varied options, in the order written. */
export function cellsOf({ base, vary }: Grid): Cell[] {
  let cells: Record<string, unknown>[] = [{}];
  for (const [key, values] of Object.entries(vary)) {
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [key]: value })));
  }
  return cells.map((varied) => ({ name: cellName(varied), options: { ...base, ...varied } }));
}

function cellName(varied: Record<string, unknown>): string {
  const parts = Object.entries(varied).map(
    ([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`,
  );
  return parts.join(",").replace(/[^\w=.,+-]+/g, "_") || "single";
}

/** One line of the table. */
export interface Row {
  readonly cell: string;
  readonly varied: Record<string, unknown>;
  readonly summary: RunSummary;
}

export interface ExperimentOptions extends LongCall {
  /** Folder of the runs, one a cell, and the table. */
  readonly out: string;
  /** Files of parts made outside the package, for every cell. */
  readonly plugins?: readonly string[];
}

/** What an experiment found. */
export interface Experiment {
  readonly question: string;
  readonly rows: readonly Row[];
}

/**
 * Runs every cell that is not done, each as its own process, then writes table.md and table.json into `out`. Rejects with SegError for a file that is no
 * experiment and for a cell that fails (the finished ones stay), with Stopped after `signal`.
 */
export async function runExperiment(file: string, options: ExperimentOptions): Promise<Experiment> {
  const { out } = options;
  const talk = talkTo(options);
  const plan = await readGrid(file);
  const cells = cellsOf(plan);
  await mkdir(join(out, "cells"), { recursive: true });
  const rows: Row[] = [];
  for (const [i, cell] of cells.entries()) {
    const run = join(out, cell.name);
    const isDone = existsSync(join(run, "summary.json"));
    talk.info(`cell ${i + 1}/${cells.length} ${cell.name}${isDone ? ": done before" : ""}`);
    if (!isDone) await runCell(cell, run, options);
    const varied = Object.fromEntries(Object.keys(plan.vary).map((key) => [key, cell.options[key]]));
    rows.push({ cell: cell.name, varied, summary: (await readJson(join(run, "summary.json"))) as RunSummary });
    await talk.breathe();
  }
  const { question } = plan;
  const table = { question, experiment: basename(file), software, rows };
  await writeFileAtomic(join(out, "table.json"), `${JSON.stringify(table, null, 2)}\n`);
  await writeFileAtomic(join(out, "table.md"), markdownTable(question, rows));
  return { question, rows };
}

async function runCell(cell: Cell, run: string, { out, signal, plugins = [] }: ExperimentOptions): Promise<void> {
  const config = join(out, "cells", `${cell.name}.yaml`);
  await writeFileAtomic(config, stringify(cell.options));
  const args = [...entryPoint(), "train", config, "--out", run, ...plugins.flatMap((file) => ["--plugin", file])];
  if (existsSync(join(run, "config.yaml"))) args.push("--resume");
  const code = await new Promise<number>((done, fail) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    const stop = () => child.kill("SIGTERM"); // it saves, then ends
    signal?.addEventListener("abort", stop, { once: true });
    child.on("error", fail);
    child.on("exit", (status, killed) => {
      signal?.removeEventListener("abort", stop);
      done(killed ? 128 : (status ?? 1));
    });
  });
  const stopped = stoppedBy(signal);
  if (stopped) throw stopped;
  if (code !== 0) {
    throw new SegError(
      cell.name,
      `seg train ended with code ${code}`,
      "mend what it says above and run the experiment again; finished cells are kept",
    );
  }
}

/** The command line of this very installation: compiled, or source through tsx when run from source. */
export function entryPoint(): string[] {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith(".ts"))
    return ["--import", import.meta.resolve("tsx"), fileURLToPath(new URL("src/cli/main.ts", packageRoot))];
  return [fileURLToPath(new URL("dist/src/cli/main.js", packageRoot))];
}

/** The table as Markdown: what varied, mIoU, per-class IoU, size, cost. */
export function markdownTable(question: string, rows: readonly Row[]): string {
  const keys = Object.keys(rows[0]?.varied ?? {});
  const classes = rows[0]?.summary.classes ?? [];
  const head = [...keys, "mIoU", ...classes, "parameters (M)", "trained (M)", "GFLOPs", "s/step", "peak GB"];
  const lines = rows.map(({ varied, summary }) => [
    ...keys.map((key) => String(varied[key])),
    percent(summary.mIoU),
    ...summary.iou.map(percent),
    (summary.parameters / 1e6).toFixed(2),
    (summary.trainedParameters / 1e6).toFixed(2),
    (summary.flops / 1e9).toFixed(1),
    summary.secondsPerStep.toFixed(2),
    (summary.peakBytes / 1e9).toFixed(2),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return `# ${question}\n\n${[head, head.map(() => "---"), ...lines].map(line).join("\n")}\n`;
}

const percent = (value: number | null) => (value === null ? "-" : (100 * value).toFixed(1));
