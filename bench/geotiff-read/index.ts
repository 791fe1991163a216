/**
 * @file A window of a GeoTIFF read by us and by GDAL (rasterio), in turn, each opening the file anew: `geotiff-read --python PYTHON [--only NAME,NAME]
 * [--rounds 15]`. Both sides are warm; the sums of the samples must agree. PYTHON has rasterio and numpy (test/fixtures/geotiff.py names versions).
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { openGeoTiff } from "../../src/raster/index.js";
import { writeResults } from "../results.js";

const SIDE = 1024;
const { values } = parseArgs({
  options: {
    python: { type: "string", default: ".venv/bin/python" },
    only: { type: "string" },
    rounds: { type: "string", default: "15" },
  },
});
const peer = join(import.meta.dirname, "peer.py");
const folder = mkdtempSync(join(tmpdir(), "seg-bench-"));

const made = spawnSync(values.python, [peer, "make", folder], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
});
if (made.status !== 0) throw new Error(`${values.python} cannot make the files; it needs rasterio`);
const names = made.stdout.split("\n").filter((name) => name && (!values.only || values.only.split(",").includes(name)));
const gdal = spawn(values.python, [peer, "serve", folder], { stdio: ["pipe", "pipe", "ignore"] });
const answers = createInterface({ input: gdal.stdout })[Symbol.asyncIterator]();
const details: Record<string, { readonly ours: number[]; readonly theirs: number[] }> = {};
for (const name of names) details[name] = await compare(name);
gdal.stdin.end();
rmSync(folder, { recursive: true, force: true });

const rows = Object.entries(details).map(([name, { ours, theirs }]) => {
  const [a, b] = [median(ours), median(theirs)];
  return [name, (1000 * a).toFixed(1), (1000 * b).toFixed(1), (a / b).toFixed(2)];
});
await writeResults("bench/results", "geotiff-read", {
  title: `A ${SIDE} x ${SIDE} window of a GeoTIFF`,
  columns: ["file", "ours, ms (median)", "GDAL, ms (median)", "ratio"],
  rows,
  remarks: ["GDAL decodes with one thread, its default; ours in threads, up to one a core"],
  details,
});

async function compare(name: string): Promise<{ ours: number[]; theirs: number[] }> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = -3; round < Number(values.rounds); round++) {
    const [x, y] = [(round + 3) * 61, ((round + 3) * 167) % 1000];
    const own = await readOurs(name, x % 1000, y);
    gdal.stdin.write(`${name} ${x % 1000} ${y} ${SIDE}\n`);
    const [seconds, sum] = String((await answers.next()).value)
      .split(" ")
      .map(Number);
    const isLossy = name.endsWith("jpeg"); // decoded by two builds of libjpeg
    if (Math.abs(own.sum - sum) > (isLossy ? 0.01 * sum : 1))
      throw new Error(`${name}: the sums are ${own.sum} and ${sum}`);
    if (round < 0) continue;
    ours.push(own.seconds);
    theirs.push(seconds);
  }
  return { ours, theirs };
}

async function readOurs(name: string, x: number, y: number): Promise<{ seconds: number; sum: number }> {
  const began = performance.now();
  const raster = await openGeoTiff(join(folder, `${name}.tif`));
  const { data } = await raster.read({ x, y, width: SIDE, height: SIDE });
  await raster.close();
  const seconds = (performance.now() - began) / 1000;
  let sum = 0;
  for (const value of data) sum += value;
  return { seconds, sum };
}

function median(items: readonly number[]): number {
  return [...items].sort((a, b) => a - b)[Math.floor(items.length / 2)];
}
