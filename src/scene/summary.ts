/** @file What a scene's run was, written beside its class map: windows, seam score, pixels a class, what reading cost. */
import type { CogSummary } from "../cog/index.js";
import { type ClassInfo, IGNORE } from "../contract.js";
import type { Axis } from "../raster/index.js";
import { software } from "../version.js";
import type { Windows } from "./options.js";
import type { Reading } from "./reader.js";
import { addSeams, NO_SEAMS, seamScore } from "./seam.js";
import type { JournalLine } from "./work.js";

/** The summary of an output, as its JSON file. */
export interface SceneSummary {
  readonly software: string;
  readonly input: { readonly path: string };
  readonly output: string;
  readonly windows: {
    readonly columns: number;
    readonly rows: number;
    /** Without data: not run. */
    readonly skipped: number;
    /** [column, row] of those that failed and became no data. */
    readonly failed: readonly (readonly [number, number])[];
  } & Windows;
  /** Mean change of the probabilities across the joints of windows over the mean change elsewhere; 1: no seams. Absent for one window. */
  readonly seamScore?: number;
  readonly classes: readonly {
    readonly id: number;
    readonly name: string;
    readonly pixels: number;
    readonly share: number;
  }[];
  readonly noDataPixels: number;
  readonly bytes: number;
  /** Of the last run, which may have gone on from an earlier one. */
  readonly seconds: number;
  readonly reading: Reading;
  readonly features: { readonly found: number; readonly computed: number };
}

interface Finished extends Pick<SceneSummary, "output" | "seconds" | "reading" | "features"> {
  readonly input: string;
  readonly windows: Windows;
  readonly columns: Axis;
  readonly rows: Axis;
  readonly classes: readonly ClassInfo[];
  readonly lines: readonly JournalLine[];
  readonly classMap: CogSummary;
}

/** The summary of a finished scene. */
export function summarise({
  input,
  output,
  windows,
  columns,
  rows,
  classes,
  lines,
  classMap,
  ...rest
}: Finished): SceneSummary {
  const counts = classMap.counts ?? [];
  const valid = classes.reduce((sum, _, id) => sum + counts[id], 0);
  const score = seamScore(lines.map(({ seam }) => seam).reduce(addSeams, NO_SEAMS));
  return {
    ...{ software, input: { path: input }, output },
    windows: {
      ...{ columns: columns.starts.length, rows: rows.starts.length, ...windows },
      skipped: lines.reduce((sum, { skipped }) => sum + skipped, 0),
      failed: lines.flatMap(({ row, failed }) => failed.map((column) => [column, row] as const)),
    },
    ...(score !== undefined && { seamScore: score }),
    classes: classes.map(({ name }, id) => ({ id, name, pixels: counts[id], share: valid ? counts[id] / valid : 0 })),
    noDataPixels: counts[IGNORE],
    bytes: classMap.bytes,
    ...rest,
  };
}

/** A summary in a line. */
export function summaryLine({ windows, seamScore: score, noDataPixels, reading }: SceneSummary): string {
  const { columns, rows, skipped, failed } = windows;
  const parts = [`${columns} x ${rows} windows`];
  if (skipped) parts.push(`${skipped} without data skipped`);
  if (failed.length) parts.push(`${failed.length} failed and marked as no data`);
  if (score !== undefined) parts.push(`seam score ${score.toFixed(3)}`);
  if (noDataPixels) parts.push(`${noDataPixels} pixels without data`);
  parts.push(readingLine(reading));
  return parts.join(", ");
}

function readingLine({ bytes, blocks, decoded, remote }: Reading): string {
  const again = decoded > blocks ? `, blocks decoded ${(decoded / blocks).toFixed(2)} times` : "";
  if (!remote) return `${inMegabytes(bytes)} read${again}`;
  if (remote.downloaded) return `${inMegabytes(remote.bytes)} downloaded whole: the server knows no ranges${again}`;
  return `${inMegabytes(remote.bytes)} in ${remote.requests} requests${again}`;
}

const inMegabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
