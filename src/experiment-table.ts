/** @file The table of an experiment: a line a cell. */
import type { RunSummary } from "./run/summary.js";

/** One line of the table. */
export interface Row {
  readonly cell: string;
  readonly varied: Record<string, unknown>;
  readonly summary: RunSummary;
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
