/**
 * @file Every form of GeoTIFF that is read against GDAL (test/fixtures/geotiff-matrix.py makes the files): a window's pixels and mask by hash,
 * the place exactly, overviews with their masks. JPEG is decoded by another build than GDAL's: within one level.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Raster } from "../../src/contract.js";
import { type GeoRaster, openGeoTiff, requirePlace } from "../../src/raster/index.js";

interface Image {
  readonly size: [number, number, number];
  readonly sha256: string;
  readonly valid: string;
}
interface Entry extends Image {
  readonly name: string;
  readonly lossy: boolean;
  readonly transform: number[];
  readonly window: [number, number, number, number];
  readonly levels: readonly Image[];
}

const PYTHON = join(import.meta.dirname, "../../.venv/bin/python");
const skip = existsSync(PYTHON) ? false : "rasterio is not installed in .venv";
const folder = mkdtempSync(join(tmpdir(), "seg-matrix-"));
const entries = skip ? [] : makeFiles();
after(() => rmSync(folder, { recursive: true, force: true }));

function makeFiles(): Entry[] {
  const script = join(import.meta.dirname, "../fixtures/geotiff-matrix.py");
  const options = { encoding: "utf8", maxBuffer: 2 ** 26, stdio: ["ignore", "pipe", "pipe"] } as const;
  return JSON.parse(execFileSync(PYTHON, [script, folder], options));
}

const fileOf = (name: string) => join(folder, `${name}.tif`);

async function withFile<T>(name: string, use: (raster: GeoRaster) => Promise<T>, options = {}): Promise<T> {
  const raster = await openGeoTiff(fileOf(name), options);
  try {
    return await use(raster);
  } finally {
    await raster.close();
  }
}

const sha256 = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");

function compare({ data, valid, width, height, bands }: Raster, golden: Image, lossy: string | undefined): void {
  assert.equal(bands, golden.size[2]);
  assert.equal(sha256(valid ?? new Uint8Array(width * height).fill(1)), golden.valid, "which pixels hold data");
  if (lossy === undefined) {
    assert.equal(sha256(data), golden.sha256, "pixels");
    return;
  }
  const theirs = readFileSync(lossy);
  assert.equal(data.length, theirs.length);
  const furthest = data.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);
  assert.ok(furthest <= 1, `pixels are up to ${furthest} levels off`);
}

async function check({ name, lossy, window, levels, transform, ...golden }: Entry): Promise<void> {
  await withFile(name, async (raster) => {
    const [x, y, width, height] = window;
    assert.deepEqual([raster.width, raster.height, raster.bands], golden.size);
    assert.deepEqual(raster.grid.transform ?? [0, 1, 0, 0, 0, 1], transform);
    const bin = (level: string) => (lossy ? join(folder, `${name}${level}.bin`) : undefined);
    compare(await raster.read({ x, y, width, height }), golden, bin(""));
    assert.deepEqual(
      raster.overviews,
      levels.map(({ size }) => ({ width: size[0], height: size[1] })),
    );
    for (const [i, level] of levels.entries()) {
      const all = { x: 0, y: 0, width: level.size[0], height: level.size[1] };
      compare(await raster.readLevel(i + 1, all), level, bin(`.${i}`));
    }
  });
}

describe("as GDAL reads it", { skip }, () => {
  for (const entry of entries) test(entry.name, () => check(entry));
});

const entryOf = (name: string): Entry => {
  const found = entries.find((entry) => entry.name === name);
  assert.ok(found, name);
  return found;
};
