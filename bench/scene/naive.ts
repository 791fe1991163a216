/**
 * @file The usual way, for comparison: the whole scene in memory, sums of probabilities a class and of weights for every pixel, one loop. The same windows,
 * weights and model. usage: tsx naive.ts SCENE --model RUN --tile N --out MAP.tif
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openModel } from "../../src/open-model.js";
import { axisWeights, axisWindows, openGeoTiff, writeGeoTiff } from "../../src/raster/index.js";
import { selectBands, toInput } from "../../src/preprocess.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { model: { type: "string" }, tile: { type: "string" }, out: { type: "string" } },
});
const [model, tile, out] = [String(values.model), Number(values.tile), String(values.out)];
const open = await openModel(model, { once: true });
const scene = await openGeoTiff(positionals[0]);
const { width, height } = scene;
const began = performance.now();
const whole = await scene.read({ x: 0, y: 0, width, height });
const sums = open.card.classes.map(() => new Float32Array(width * height));
const total = new Float32Array(width * height);
const [columns, rows] = [axisWindows(width, tile, tile / 4), axisWindows(height, tile, tile / 4)];
const [across, down] = [axisWeights(columns, "gaussian"), axisWeights(rows, "gaussian")];
for (const [j, top] of rows.starts.entries())
  for (const [i, left] of columns.starts.entries()) await addWindow(i, j, left, top);
await writeGeoTiff(out, { width, height, bands: 1, dtype: "uint8", grid: scene.grid }, (writer) =>
  writer.write(argMax()),
);
const seconds = (performance.now() - began) / 1000;
writeFileSync(
  `${out}.summary.json`,
  JSON.stringify({ seconds, windows: { columns: columns.starts.length, rows: rows.starts.length } }),
);
await open.close();
await scene.close();

async function addWindow(i: number, j: number, left: number, top: number): Promise<void> {
  const pixels = new Uint8Array(tile * tile * 3);
  for (let y = 0; y < tile; y++) {
    const from = ((top + y) * width + left) * 3;
    pixels.set((whole.data as Uint8Array).subarray(from, from + 3 * tile), y * tile * 3);
  }
  const image = selectBands({ data: pixels, width: tile, height: tile, bands: 3 }, open.card.preprocessing);
  const { data } = await open.predictor.probabilities(toInput(image, open.card.preprocessing).input);
  for (let y = 0; y < tile; y++) {
    for (let x = 0; x < tile; x++) {
      const [at, weight] = [(top + y) * width + left + x, across[i][x] * down[j][y]];
      for (let c = 0; c < sums.length; c++) sums[c][at] += weight * data[(c * tile + y) * tile + x];
      total[at] += weight;
    }
  }
}

function argMax(): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let at = 0; at < out.length; at++) {
    let best = 0;
    for (let c = 1; c < sums.length; c++) if (sums[c][at] / total[at] > sums[best][at] / total[at]) best = c;
    out[at] = best;
  }
  return out;
}
