/** @file metrics.jsonl: one JSON object a line, appended while a run goes on, cut back when it resumes. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { writeFileAtomic } from "../files.js";

/** One line; `step` is the optimizer step it belongs to. */
export interface MetricsRow {
  readonly event: "step" | "validation";
  readonly step: number;
  readonly epoch: number;
  readonly [key: string]: unknown;
}

export function appendMetrics(path: string, row: MetricsRow): void {
  appendFileSync(path, `${JSON.stringify(row)}\n`);
}

/** All whole lines; a torn last line (a kill while writing) is left out. */
export function readMetrics(path: string): MetricsRow[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop(); // empty after the last newline, or torn
  return lines.flatMap((line) => parseRow(line));
}

function parseRow(line: string): MetricsRow[] {
  try {
    return [JSON.parse(line) as MetricsRow];
  } catch (error) {
    if (error instanceof SyntaxError) return []; // a line torn by a kill and then appended to
    throw error;
  }
}

/** Drops every line after `step`, so that a resumed run logs each step once. */
export async function cutMetrics(path: string, step: number): Promise<void> {
  const rows = readMetrics(path).filter((row) => row.step <= step);
  await writeFileAtomic(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}
