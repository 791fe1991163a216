/** @file The page the demo ends with: scene, labels and map side by side, scores against the majority class, and what to do next. */
import { join } from "node:path";
import { writeFileAtomic } from "../files.js";
import { type ByteImage, encodePng } from "../raster/index.js";
import { html, type Markup, page } from "../report/page.js";
import type { DemoResult } from "./index.js";
import { TOWN_CLASSES } from "./town.js";

/** Writes index.html, scene.png and labels.png into the demo's folder. */
export async function writeDemoPage(
  out: string,
  result: DemoResult,
  { image, labels }: { image: ByteImage; labels: ByteImage },
): Promise<void> {
  await writeFileAtomic(join(out, "scene.png"), await encodePng(image));
  await writeFileAtomic(join(out, "labels.png"), await encodePng(labels));
  await writeFileAtomic(join(out, "index.html"), page("sam-seg demo", body(result)));
}

const percent = (value: number | null) => (value === null ? "absent" : `${(100 * value).toFixed(1)} %`);

function body(result: DemoResult): Markup[] {
  const pictures = [
    ["scene.png", "unseen scene"],
    ["labels.png", "painted labels"],
    ["overlay.png", "the model's map"],
  ];
  return [
    html`<h1>A town the model has never seen</h1>`,
    html`<p>mIoU <strong>${percent(result.mIoU)}</strong>; calling every pixel ${result.classes[0]} gives ${percent(result.majorityMIoU)}. Pixel accuracy ${percent(result.pixelAccuracy)}. ${result.convention}.</p>`,
    html`<div class="grid">${pictures.map(([file, what]) => html`<figure style="margin:0"><img src="${file}" alt="${what}"><figcaption>${what}</figcaption></figure>`)}</div>`,
    html`<p class="legend">${TOWN_CLASSES.map(({ name, color }) => html`<span style="background:rgb(${color.join(",")})"></span>${name}`)}</p>`,
    classTable(result),
    html`<p><code>map.tif</code> is a GeoTIFF on the grid of <code>unseen.tif</code>; open both in QGIS. The training is described in <a href="run/report.html">run/report.html</a>.</p>`,
    html`<h2>Next: your own scenes</h2><pre>seg train --encoder resnet18 --decoder unet --dataset geotiff --data YOUR_FOLDER --out runs/first
seg predict YOUR_SCENE.tif --model runs/first --out map.tif</pre>`,
  ];
}

function classTable({ classes, iou, precision, recall }: DemoResult): Markup {
  const rows = classes.map(
    (name, i) =>
      html`<tr><td>${name}</td><td>${percent(iou[i])}</td><td>${percent(precision[i])}</td><td>${percent(recall[i])}</td></tr>`,
  );
  return html`<table><tr><th>class</th><th>IoU</th><th>precision</th><th>recall</th></tr>${rows}</table>`;
}
