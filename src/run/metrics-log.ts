/** @file metrics.jsonl: one JSON object a line, appended while a run goes on, cut back when it resumes. */
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, readFileSync } from "node:fs";
import { z } from "zod";
import { writeFault, writeFileAtomic } from "../files.js";
import type { MetricsEvent } from "../talk.js";

/** One line; `step` is the optimizer step it belongs to. */
export type MetricsRow = MetricsEvent;

const count = z.number().int().nonnegative();
const rowSchema = z.looseObject({ event: z.enum(["step", "validation"]), step: count, epoch: count });

export function appendMetrics(path: string, row: MetricsRow): void {
  try {
    appendFileSync(path, `${JSON.stringify(row)}\n`);
  } catch (error) {
    throw writeFault(path, error);
  }
}

/** Flushes what was appended, so that a checkpoint is never ahead of its log after a power cut. */
export function syncMetrics(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } catch (error) {
    throw writeFault(path, error);
  } finally {
    closeSync(file);
  }
}

/** All whole rows; a torn last line (a kill while writing) is left out, as is anything that is no row. */
export function readMetrics(path: string): MetricsRow[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop(); // empty after the last newline, or torn
  return lines.flatMap((line) => parseRow(line));
}

function parseRow(line: string): MetricsRow[] {
  try {
    const parsed = rowSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch (error) {
    if (error instanceof SyntaxError) return []; // a line torn by a kill and then appended to
    throw error;
  }
}

/** Drops every line after a checkpoint's step, and of validations after its last one: a resumed run logs each once. */
export async function cutMetrics(
  path: string,
  at: { readonly step: number; readonly validated: number },
): Promise<void> {
  const rows = readMetrics(path).filter(({ event, step }) => step <= (event === "validation" ? at.validated : at.step));
  await writeFileAtomic(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}
