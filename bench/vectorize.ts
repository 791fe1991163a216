/**
 * @file `seg vectorize` over the size of a map, its memory above all, and gdal_polygonize.py beside it where it is installed. The maps are blobs of five
 * classes, some 90 pixels each, written as GeoTIFF; both sides write the same format. Options: --simplify PIXELS (0), --format geojsonl|fgb, --sizes 512x12500,...
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeGrid, writeGeoTiff } from "../src/raster/index.js";
import { writeResults } from "./results.js";

const { values: given } = parseArgs({
  options: {
    simplify: { type: "string", default: "0" },
    format: { type: "string", default: "geojsonl" },
    sizes: { type: "string", default: "512x12500,512x50000,512x200000,10000x10000" },
  },
});
/** Side of the pattern that is repeated. */
const TILE = 512;
const CLASSES = 5;
const DRIVER = given.format === "fgb" ? "FlatGeobuf" : "GeoJSONSeq";

const folder = mkdtempSync(join(tmpdir(), "seg-bench-"));
try {
  const rows = [];
  for (const size of given.sizes.split(",")) rows.push(await measure(size));
  await writeResults("bench/results", "vectorize", {
    title: "Polygons of class maps",
    columns: ["map", "side", "seconds", "of the processor", "per Mpx", "peak memory, MB", "file, MB"],
    rows: rows.flat(),
    remarks: [`simplify ${given.simplify} pixels on our side; gdal_polygonize.py keeps the staircase`],
    details: rows,
  });
} finally {
  rmSync(folder, { recursive: true });
}

async function measure(size: string): Promise<(readonly string[])[]> {
  const [width, height] = size.split("x").map(Number);
  const map = join(folder, `${size}.tif`);
  await writeMap(map, width, height);
  const [ours, theirs] = ["ours", "theirs"].map((name) => join(folder, `${name}.${given.format}`));
  const sides = [timed(size, "seg vectorize", ourCommand(map, ours), ours)];
  if (spawnSync("gdal_polygonize.py", ["--version"]).error === undefined) {
    sides.push(timed(size, "gdal_polygonize.py", theirCommand(map, theirs), theirs));
  }
  for (const side of sides) console.log(side.join("  "));
  for (const path of [map, ours, theirs]) rmSync(path, { force: true });
  return sides;
}

/** Both commands end with a line `used KILOBYTES SECONDS` of the processor. */
function ourCommand(map: string, out: string): string[] {
  const told = `process.on("exit", () => {
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    console.error("used", maxRSS, (userCPUTime + systemCPUTime) / 1e6);
  })`;
  const node = [process.execPath, "--import", `data:text/javascript,${encodeURIComponent(told)}`];
  const flags = ["--out", out, "--simplify", given.simplify, "--crs", "native"];
  return [...node, "dist/src/cli/main.js", "vectorize", map, ...flags];
}

function theirCommand(map: string, out: string): string[] {
  const script = `import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("used", used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr)
sys.exit(code)`;
  return ["python3", "-c", script, "gdal_polygonize.py", "-q", map, "-f", DRIVER, out];
}

function timed(size: string, side: string, [program, ...args]: readonly string[], out: string): readonly string[] {
  const began = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  const seconds = (performance.now() - began) / 1000;
  if (status !== 0) throw new Error(`${side} ended with ${status}: ${stderr.slice(-500)}; run npm run prepare first`);
  const [width, height] = size.split("x").map(Number);
  const [, kilobytes, processor] = /used (\d+) ([\d.]+)/.exec(stderr)?.map(Number) ?? [];
  const file = statSync(out).size / 1e6;
  const each = processor / (width * height * 1e-6);
  return [
    size,
    side,
    seconds.toFixed(1),
    processor.toFixed(1),
    each.toFixed(3),
    (kilobytes / 1024).toFixed(0),
    file.toFixed(1),
  ];
}

/** Repeats a pattern that fits itself on all sides. */
async function writeMap(path: string, width: number, height: number): Promise<void> {
  const tile = pattern();
  const grid = makeGrid(width, height, [500_000, 10, 0, 9_000_000, 0, -10], 32633);
  await writeGeoTiff(path, { width, height, bands: 1, dtype: "uint8", grid, nodata: 255 }, async (writer) => {
    for (let y = 0; y < height; y++) {
      const line = tile.subarray((y % TILE) * TILE, ((y % TILE) + 1) * TILE);
      const row = new Uint8Array(width);
      for (let x = 0; x < width; x += TILE) row.set(line.subarray(0, Math.min(TILE, width - x)), x);
      await writer.write(row);
    }
  });
}

/** The strongest of some waves at each pixel, with whole waves in the pattern's side. */
function pattern(): Uint8Array {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const frequency = () => ((Math.floor(random() * 61) - 30) * 2 * Math.PI) / TILE;
  const wave = () => [frequency(), frequency(), 2 * Math.PI * random()];
  const classes = Array.from({ length: CLASSES }, () => Array.from({ length: 12 }, wave));
  return Uint8Array.from({ length: TILE * TILE }, (_, at) => {
    const [x, y] = [at % TILE, Math.floor(at / TILE)];
    const strengths = classes.map((waves) =>
      waves.reduce((sum, [a, b, phase]) => sum + Math.sin(a * x + b * y + phase), 0),
    );
    return strengths.indexOf(Math.max(...strengths));
  });
}
