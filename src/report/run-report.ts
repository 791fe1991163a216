/** @file What a reader of a run folder opens: plots/ as PNG and report.html, one page without scripts. */
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../files.js";
import { readMetrics } from "../run/metrics-log.js";
import type { RunSummary } from "../run/summary.js";
import { chartPng } from "./chart.js";
import { confusionChart, learningCurves } from "./charts.js";
import { html, page, type Markup } from "./page.js";

/** Draws plots/ and writes report.html from the files of a finished run. */
export async function writeRunReport(run: string, summary: RunSummary): Promise<void> {
  const plots = join(run, "plots");
  await mkdir(plots, { recursive: true });
  await writeFileAtomic(
    join(plots, "learning-curves.png"),
    await chartPng(learningCurves(readMetrics(join(run, "metrics.jsonl")))),
  );
  if (summary.confusion.length)
    await writeFileAtomic(join(plots, "confusion.png"), await chartPng(confusionChart(summary)));
  const samples = existsSync(join(run, "samples"))
    ? (await readdir(join(run, "samples"))).filter((name) => name.endsWith(".png")).sort()
    : [];
  await writeFileAtomic(join(run, "report.html"), reportPage(summary, samples));
}

function reportPage(summary: RunSummary, samples: readonly string[]): string {
  const title = `${summary.encoder} + ${summary.decoder}`;
  const body = [
    html`<h1>${title}</h1>`,
    factsTable(summary),
    html`<h2>Learning curves</h2><img src="plots/learning-curves.png" alt="loss and mIoU over steps">`,
    ...(summary.confusion.length
      ? [classTable(summary), html`<h2>Confusion matrix</h2><img src="plots/confusion.png" alt="confusion matrix">`]
      : []),
    ...(samples.length ? [html`<h2>Validation samples: image, labels, prediction</h2>`, sampleGrid(samples)] : []),
  ];
  return page(title, body);
}

const TUNED: Readonly<Record<string, string>> = {
  frozen: "frozen",
  lora: "adapted by LoRA",
  full: "trained with the decoder",
};

function factsTable(summary: RunSummary): Markup {
  const facts: [string, string][] = [
    ["mIoU", summary.mIoU === null ? "not measured (no validation split)" : summary.mIoU.toFixed(4)],
    ["convention", summary.convention],
    ["encoder is", TUNED[summary.tune] ?? summary.tune],
    ["steps (best)", `${summary.steps} (${summary.bestStep})`],
    [
      "parameters (trained)",
      `${summary.parameters.toLocaleString("en")} (${summary.trainedParameters.toLocaleString("en")})`,
    ],
    ["GFLOPs an image", (summary.flops / 1e9).toFixed(2)],
    ["seconds a step", String(summary.secondsPerStep)],
    ["peak memory", `${(summary.peakBytes / 2 ** 30).toFixed(2)} GiB`],
    ["software", summary.software],
  ];
  return html`<table>${facts.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}</table>`;
}

function classTable({ classes, iou }: RunSummary): Markup {
  const rows = classes.map((name, i) => html`<tr><td>${name}</td><td>${iou[i]?.toFixed(4) ?? "absent"}</td></tr>`);
  return html`<h2>IoU a class</h2><table><tr><th>class</th><th>IoU</th></tr>${rows}</table>`;
}

function sampleGrid(samples: readonly string[]): Markup {
  return html`<div class="grid">${samples.map((name) => html`<img src="samples/${name}" alt="${name}">`)}</div>`;
}
