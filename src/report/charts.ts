/** @file The charts of a run: learning curves and the confusion matrix, as vega-lite specifications. */
import type { TopLevelSpec } from "vega-lite";
import type { MetricsRow } from "../run/metrics-log.js";
import type { RunSummary } from "../run/summary.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";

const STEP = { field: "step", type: "quantitative", title: "step", axis: { format: "d", tickMinStep: 1 } } as const;

/** Loss of every step with its running median, and mIoU of every validation. */
export function learningCurves(rows: readonly MetricsRow[]): TopLevelSpec {
  const steps = rows.filter((row) => row.event === "step" && typeof row.loss === "number");
  const losses = steps.map((row, i) => ({ step: row.step, loss: row.loss as number, smooth: windowMedian(steps, i) }));
  const scores = rows
    .filter((row) => row.event === "validation")
    .map((row) => ({ step: row.step, mIoU: row.mIoU as number | null }));
  const size = { width: 320, height: 220 };
  return {
    $schema: SCHEMA,
    hconcat: [
      {
        ...size,
        title: "training loss",
        data: { values: losses },
        layer: [line("loss", "#9ecae1", 1), line("smooth", "#08519c", 2)],
      },
      {
        ...size,
        title: "validation mIoU",
        data: { values: scores },
        mark: { type: "line", point: true, color: "#d94801" },
        encoding: { x: STEP, y: { field: "mIoU", type: "quantitative", scale: { domain: [0, 1] } } },
      },
    ],
  };
}

function line(field: string, color: string, strokeWidth: number) {
  const y = { field, type: "quantitative", title: "loss", scale: { zero: false } } as const;
  return { mark: { type: "line", color, strokeWidth } as const, encoding: { x: STEP, y } };
}

/** Median of the losses in a window of 5 % of the run around step i. */
function windowMedian(rows: readonly MetricsRow[], i: number): number {
  const half = Math.max(2, Math.floor(rows.length / 40));
  const near = rows.slice(Math.max(0, i - half), i + half + 1).map((row) => row.loss as number);
  return near.sort((a, b) => a - b)[Math.floor(near.length / 2)];
}

/** Share of every true class' pixels that was predicted as each class. */
export function confusionChart({ classes, confusion }: RunSummary): TopLevelSpec {
  const values = confusion.flatMap((row, r) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, c) => ({ label: classes[r], prediction: classes[c], share: total > 0 ? count / total : 0 }));
  });
  const side = Math.max(180, 34 * classes.length);
  const axis = { type: "nominal", sort: [...classes] } as const;
  const layer: TopLevelSpec = {
    $schema: SCHEMA,
    width: side,
    height: side,
    title: "share of each label (rows) predicted as (columns)",
    data: { values },
    encoding: { x: { field: "prediction", ...axis, axis: { labelAngle: -45 } }, y: { field: "label", ...axis } },
    layer: [
      {
        mark: "rect",
        encoding: { color: { field: "share", type: "quantitative", scale: { scheme: "blues", domain: [0, 1] } } },
      },
      {
        mark: { type: "text", fontSize: 10 },
        encoding: {
          text: { field: "share", type: "quantitative", format: ".2f" },
          color: { condition: { test: "datum.share > 0.5", value: "white" }, value: "#333333" },
        },
      },
    ],
  };
  return layer;
}
