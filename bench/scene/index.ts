/**
 * @file Scenes of growing size through `seg predict`: resident memory while it runs, and time beside the bare model's (the same windows' program alone, before
 * and after, in fresh processes) and beside the naive way, which holds the scene, the sums and the weights.
 *
 * usage: tsx bench/scene/index.ts [--sides 4096,8192,16384,40000] [--naive 4096,8192,16384] [--encoder resnet18] [--tile 1024] [--folder DIR] [--out bench/results] [--add]
 * The folder holds the scenes (4.8 GB of pixels at 40,000) and is kept; --add keeps what was measured before. Runs the build: `npm run prepare` first.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { TopLevelSpec } from "vega-lite";
import { createModel } from "../../src/index.js";
import { chartPng } from "../../src/report/chart.js";
import { writeResults } from "../results.js";
import { median } from "../speed/rows.js";
import { classNames, makeScene } from "./make.js";
import { runWatched, type Watched } from "./watch.js";

const { values } = parseArgs({
  options: {
    sides: { type: "string", default: "4096,8192,16384,40000" },
    naive: { type: "string", default: "4096,8192,16384" },
    encoder: { type: "string", default: "resnet18" },
    tile: { type: "string", default: "1024" },
    folder: { type: "string", default: "bench/results/scenes" },
    out: { type: "string", default: "bench/results" },
    add: { type: "boolean", default: false },
  },
});
const { folder, encoder, tile, out } = values;
const numbers = (list: string) => list.split(",").filter(Boolean).map(Number);
mkdirSync(folder, { recursive: true });
mkdirSync(out, { recursive: true });
const SEG = join(import.meta.dirname, "../../dist/src/cli/main.js");
const HERE = (name: string) => ["--import", "tsx", join(import.meta.dirname, name)];

/** What was measured of one scene. */
interface Line {
  readonly side: number;
  readonly way: "seg predict" | "naive";
  readonly windows: number;
  readonly seconds: number;
  /** Milliseconds a window, and of the bare model before and after. */
  readonly each: number;
  readonly bare: number;
  readonly peakBytes: number;
  readonly samples: Watched["samples"];
}
const lines: Line[] = values.add ? JSON.parse(readFileSync(join(out, "scene.json"), "utf8")).details : [];
const model = await modelFile();
for (const side of numbers(values.sides)) await measure(side, "seg predict");
for (const side of numbers(values.naive)) await measure(side, "naive");

async function modelFile(): Promise<string> {
  const path = join(folder, `${encoder}-unet`);
  if (existsSync(join(path, "model.safetensors"))) return path;
  const made = await createModel({ encoder, decoder: "unet", classes: classNames.join(","), encoderWeights: "none" });
  await made.save(path);
  await made.close();
  return path;
}

async function measure(side: number, way: Line["way"]): Promise<void> {
  const scene = join(folder, `scene-${side}.tif`);
  if (!existsSync(scene)) await makeScene(scene, side, side);
  const map = join(folder, "map.tif");
  for (const name of [map, `${map}.work`, `${map}.summary.json`]) rmSync(name, { recursive: true, force: true });
  const before = await bare();
  const args = ["--model", model, "--tile", tile, "--out", map];
  const command = way === "naive" ? [...HERE("naive.ts"), scene, ...args] : [SEG, "predict", scene, ...args];
  const watched = await runWatched(command);
  const after = await bare();
  const { windows, seconds } = JSON.parse(readFileSync(`${map}.summary.json`, "utf8"));
  const count = windows.columns * windows.rows;
  const times = { windows: count, seconds, each: (1000 * seconds) / count, bare: median([before, after]) };
  const old = lines.findIndex((line) => line.side === side && line.way === way);
  if (old >= 0) lines.splice(old, 1);
  lines.push({ side, way, ...times, ...watched });
  lines.sort((a, b) => (a.way === b.way ? a.side - b.side : a.way < b.way ? 1 : -1));
  await report();
}

/** Milliseconds the program takes for a window when nothing else runs: median of some. */
async function bare(): Promise<number> {
  const { stdout } = await runWatched([...HERE("bare.ts"), model, tile]);
  return Number(stdout);
}

/** Results so far: the long lines come last. */
async function report(): Promise<void> {
  const columns = [
    "side",
    "way",
    "windows",
    "s",
    "ms / window",
    "bare model, ms",
    "throughput of the bare model's",
    "peak RSS, MiB",
    "scene, GiB",
  ];
  const rows = lines.map(({ side, way, windows, seconds, each, bare: alone, peakBytes }) => [
    ...[side, way, windows, seconds.toFixed(1), each.toFixed(0), alone.toFixed(0)],
    ...[
      `${((100 * alone) / each).toFixed(1)} %`,
      (peakBytes / 2 ** 20).toFixed(0),
      ((3 * side * side) / 2 ** 30).toFixed(2),
    ],
  ]);
  const remarks = [
    `${encoder} + UNet, ${classNames.length} classes, windows of ${tile}, one process, all cores; scenes of three bands of bytes, DEFLATE`,
    "seconds: from the first window to the finished map, overviews included; the bare model: its program alone on one window, fresh processes before and after",
    `file of the largest scene: ${(statSync(join(folder, `scene-${Math.max(...lines.map(({ side }) => side))}.tif`)).size / 2 ** 30).toFixed(2)} GiB`,
  ];
  await writeResults(out, "scene", { title: "Scenes of growing size", columns, rows, remarks, details: lines }, false);
  writeFileSync(join(out, "scene-memory.png"), await chartPng(figure()));
}

function figure(): TopLevelSpec {
  const points = lines.map(({ side, way, peakBytes }) => ({ side, way, GiB: peakBytes / 2 ** 30 }));
  const largest = lines.filter(({ way }) => way === "seg predict").at(-1);
  const over = (largest?.samples ?? []).map(({ seconds, bytes }) => ({ minutes: seconds / 60, GiB: bytes / 2 ** 30 }));
  const y = { field: "GiB", type: "quantitative", title: "resident memory, GiB" } as const;
  const size = { width: 360, height: 240 };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    hconcat: [
      {
        ...size,
        title: "peak over the side of the scene",
        data: { values: points },
        mark: { type: "line", point: true },
        encoding: {
          x: { field: "side", type: "quantitative", title: "side, pixels" },
          y,
          color: { field: "way", type: "nominal", title: null },
        },
      },
      {
        ...size,
        title: `while ${largest?.side ?? ""} x ${largest?.side ?? ""} pixels are mapped`,
        data: { values: over },
        mark: { type: "line" },
        encoding: { x: { field: "minutes", type: "quantitative", title: "minutes" }, y },
      },
    ],
  };
}
