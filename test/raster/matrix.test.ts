/**
 * @file Every form of GeoTIFF that is read against GDAL (test/fixtures/geotiff-matrix.py makes the files): a window's pixels and mask by hash,
 * the place exactly, overviews with their masks. JPEG within one level.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Raster } from "../../src/contract.js";
import { formOf } from "../../src/raster/geotiff/decode.js";
import { readDirectories } from "../../src/raster/geotiff/directory.js";
import { readLayout } from "../../src/raster/geotiff/layout.js";
import { readLevels } from "../../src/raster/geotiff/levels.js";
import { openSource } from "../../src/raster/geotiff/source.js";
import { createUnpackPool, type Unpacker } from "../../src/raster/geotiff/unpack-pool.js";
import { unpackBlock } from "../../src/raster/geotiff/unpack.js";
import { type GeoRaster, openGeoTiff } from "../../src/raster/index.js";

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
  const options = { encoding: "utf8", maxBuffer: 2 ** 26, stdio: "pipe" } as const;
  return JSON.parse(execFileSync(PYTHON, [script, folder], options));
}

/** JPEG and WebP. */
const BY_LIBVIPS = [7, 50001];

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

function compare({ data, valid, width, height, bands }: Raster, golden: Image, lossy: Uint8Array | undefined): void {
  assert.equal(bands, golden.size[2]);
  assert.equal(sha256(valid ?? new Uint8Array(width * height).fill(1)), golden.valid, "which pixels hold data");
  if (!lossy) {
    assert.equal(sha256(data), golden.sha256, "pixels");
    return;
  }
  assert.equal(data.length, lossy.length);
  const furthest = Math.max(...Array.from(data, (value, i) => Math.abs(value - lossy[i])));
  assert.ok(furthest <= 1, `pixels are up to ${furthest} levels off`);
}

/** What the system's GDAL decodes: it has libjpeg-turbo, rasterio's wheel a libjpeg that interpolates chroma otherwise (up to 96 levels apart). */
function jpegPixels(name: string, window: readonly number[], level = 0): Uint8Array {
  const out = join(folder, `${name}.bin`);
  const part = level > 0 ? ["-ovr", `${level - 1}`] : ["-srcwin", ...window.map(String)];
  const form = ["-q", "-of", "ENVI", "-co", "INTERLEAVE=BIP", "-mask", "none"];
  execFileSync("gdal_translate", [...form, ...part, fileOf(name), out], { stdio: "pipe" });
  return readFileSync(out);
}

async function check({ name, lossy, window, levels, transform, ...golden }: Entry): Promise<void> {
  await withFile(name, async (raster) => {
    const [x, y, width, height] = window;
    assert.deepEqual([raster.width, raster.height, raster.bands], golden.size);
    assert.deepEqual(raster.grid.transform ?? [0, 1, 0, 0, 0, 1], transform);
    const jpeg = lossy ? jpegPixels(name, window) : undefined;
    compare(await raster.read({ x, y, width, height }), golden, jpeg);
    const sizes = levels.map(({ size }) => ({ width: size[0], height: size[1] }));
    assert.deepEqual(raster.overviews, sizes);
    for (const [i, level] of levels.entries()) {
      const all = { x: 0, y: 0, ...sizes[i] };
      const jpeg = lossy ? jpegPixels(name, [], i + 1) : undefined;
      compare(await raster.readLevel(i + 1, all), level, jpeg);
    }
  });
}

/** Every block of the file's image, in a thread and here. */
async function checkThreads(name: string, pool: Unpacker): Promise<number> {
  const source = await openSource(fileOf(name));
  try {
    const [{ image }] = await readLevels(await readDirectories(source));
    const layout = await readLayout(image, source);
    const { tiled, across, down, height, blockHeight, offsets, byteCounts } = layout;
    if (BY_LIBVIPS.includes(layout.compression)) return 0;
    for (const [index, offset] of offsets.entries()) {
      if (byteCounts[index] === 0) continue; // left out
      const row = Math.floor(index / across) % down;
      const rows = tiled ? blockHeight : Math.min(blockHeight, height - row * blockHeight);
      const stored = { source, offset, length: byteCounts[index] };
      const here = await unpackBlock(await source.read(offset, byteCounts[index]), formOf(layout), rows);
      assert.deepEqual(await pool(stored, formOf(layout), rows), here, `block ${index}`);
    }
    return offsets.length;
  } finally {
    await source.close();
  }
}

test("threads unpack every form as it is unpacked without them", { skip }, async () => {
  const pool = createUnpackPool({ threads: 2, after: 0, small: 0 });
  let count = 0;
  for (const { name } of entries) count += await checkThreads(name, pool);
  assert.ok(count > entries.length, `${count} blocks of ${entries.length} files`);
});

describe("as GDAL reads it", { skip }, () => {
  for (const entry of entries) test(entry.name, () => check(entry));
});
