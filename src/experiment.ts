/**
 * @file Experiments: one question a file, a grid of ordinary `seg train` runs, one table. Each cell is its own process, so that
 * times and peak memory are its own; a cell that is done is not run again.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { errorLine, SegError } from "./errors.js";
import { markdownTable, type Row } from "./experiment-table.js";
import { makeFolder, readJson, readText, writeFileAtomic } from "./files.js";
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
 * experiment, for cells done with other options and for one that fails (the finished ones stay), with Stopped after `signal`.
 */
export async function runExperiment(file: string, options: ExperimentOptions): Promise<Experiment> {
  const { out } = options;
  const talk = talkTo(options);
  const plan = await readGrid(file);
  const cells = cellsOf(plan);
  await makeFolder(join(out, "cells"));
  const done = new Set<Cell>();
  for (const cell of cells) if (await isDone(cell, out)) done.add(cell);
  const rows: Row[] = [];
  for (const [i, cell] of cells.entries()) {
    const run = join(out, cell.name);
    talk.info(`cell ${i + 1}/${cells.length} ${cell.name}${done.has(cell) ? ": done before" : ""}`);
    if (!done.has(cell)) await runCell(cell, run, options);
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

const configOf = (cell: Cell, out: string) => join(out, "cells", `${cell.name}.yaml`);

/** Whether a cell has its summary. Rejects with SegError where that is of other options: the grid was changed. */
async function isDone(cell: Cell, out: string): Promise<boolean> {
  const config = configOf(cell, out);
  if (!existsSync(join(out, cell.name, "summary.json")) || !existsSync(config)) return false;
  const before = optionsIn(await readText(config), config);
  const now = optionsIn(stringify(cell.options), config);
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].find(
    (key) => !isDeepStrictEqual(before[key], now[key]),
  );
  if (changed === undefined) return true;
  const [was, is] = [before, now].map((options) => JSON.stringify(options[changed]) ?? "absent");
  const reason = `was run with other options (${changed} ${was}, now ${is})`;
  throw new SegError(join(out, cell.name), reason, "choose another --out");
}

const optionsIn = (text: string, file: string) => (parseYaml(text, file) ?? {}) as Record<string, unknown>;

async function runCell(cell: Cell, run: string, { out, signal, plugins = [] }: ExperimentOptions): Promise<void> {
  const config = configOf(cell, out);
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
