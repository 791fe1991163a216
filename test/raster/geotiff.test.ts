/**
 * @file GeoTIFFs against GDAL (test/fixtures/geotiff.py): pixels and masks by hash, places exactly; real scenes and small files of many forms.
 * JPEG is decoded by another library than GDAL's, so its scenes are held to their means, within a quarter of a grey level.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Raster } from "../../src/contract.js";
import { type GeoRaster, openGeoTiff, writeGeoTiff } from "../../src/raster/index.js";
import { withFolder } from "../support/folder.js";
import { GEO } from "../support/geo-files.js";

interface Golden {
  /** Width, height, bands. */
  readonly size: [number, number, number];
  readonly sha256: string;
  readonly valid: string;
  readonly invalid: number;
  readonly transform: number[];
  /** Of valid pixels, band by band. */
  readonly means: number[];
  readonly file?: string;
}
const { scenes, forms }: { scenes: Record<string, Golden>; forms: Record<string, Golden> } = JSON.parse(
  readFileSync(new URL("../fixtures/geotiff.json", import.meta.url), "utf8"),
);

const skip = existsSync(GEO) ? false : "the shared rasters are not on this machine";
const LOSSY = ["alpha.tif", "cogeo.tif"];

const sha256 = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");

async function withGeoTiff<T>(path: string, use: (source: GeoRaster) => Promise<T>): Promise<T> {
  const source = await openGeoTiff(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const whole = ({ width, height }: GeoRaster) => ({ x: 0, y: 0, width, height });

async function check(path: string, golden: Golden, lossy = false): Promise<void> {
  await withGeoTiff(path, async (source) => {
    assert.deepEqual([source.width, source.height, source.bands], golden.size);
    assert.deepEqual(source.grid.transform ?? [0, 1, 0, 0, 0, 1], golden.transform);
    const raster = await source.read(whole(source));
    const valid = raster.valid ?? new Uint8Array(source.width * source.height).fill(1);
    assert.equal(valid.length - valid.reduce((sum, value) => sum + value, 0), golden.invalid, "pixels without data");
    assert.equal(sha256(valid), golden.valid, "which pixels hold data");
    if (!lossy) assert.equal(sha256(raster.data), golden.sha256, "pixels");
    for (const [band, mean] of golden.means.entries()) {
      const off = Math.abs(meanOf(raster, valid, band) - mean);
      assert.ok(off <= (lossy ? 0.25 : 1e-9 * Math.max(Math.abs(mean), 1)), `mean of band ${band} is ${off} off`);
    }
  });
}

function meanOf({ data, bands }: Raster, valid: Uint8Array, band: number): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < valid.length; i++) {
    const value = data[i * bands + band];
    if (valid[i] === 0 || Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return sum / count;
}

describe("real scenes", { skip }, () => {
  for (const [name, golden] of Object.entries(scenes))
    test(name, () => check(join(GEO, name), golden, LOSSY.includes(name)));
});

/** The form's file in a folder of its own. */
const withForm = (name: string, use: (path: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const path = join(folder, `${name}.tif`);
    await writeFile(path, Buffer.from(forms[name].file ?? "", "base64"));
    await use(path);
  });

describe("forms of the format", () => {
  for (const [name, golden] of Object.entries(forms)) test(name, () => withForm(name, (path) => check(path, golden)));
});

test("a window is the same part of the whole, across blocks, bands in the order asked for", async () => {
  for (const name of ["uint8-strips", "uint8-planar-packbits", "uint16-lzw-predictor2", "float32-predictor3"]) {
    await withForm(name, (path) =>
      withGeoTiff(path, async (source) => {
        const all = await source.read(whole(source));
        const window = { x: 11, y: 3, width: 21, height: 23 };
        const wanted = [source.bands - 1, 0];
        const part = await source.read(window, wanted);
        for (let y = 0; y < window.height; y++) {
          for (let x = 0; x < window.width; x++) {
            const from = ((y + window.y) * source.width + x + window.x) * source.bands;
            const to = (y * window.width + x) * 2;
            for (const [k, band] of wanted.entries())
              assert.equal(part.data[to + k], all.data[from + band], `${name} ${x} ${y}`);
          }
        }
      }),
    );
  }
});

test("a pixel that is NaN in one band holds no data: unlike GDAL's mask, for no network takes a NaN", () =>
  withFolder(async (folder) => {
    const path = join(folder, "nan.tif");
    const data = Float32Array.of(1, 2, Number.NaN, 4, 5, Number.NaN, Number.NaN, Number.NaN);
    await writeGeoTiff(path, { width: 4, height: 1, bands: 2, dtype: "float32" }, (writer) => writer.write(data));
    await withGeoTiff(path, async (source) =>
      assert.deepEqual((await source.read(whole(source))).valid, Uint8Array.of(1, 0, 0, 0)),
    );
  }));

describe("what is written", () => {
  const SIZE = { width: 300, height: 261 };
  const types = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, float32: Float32Array } as const;
  for (const [dtype, PixelType] of Object.entries(types)) {
    test(`${dtype} comes back as it was, handed over in any number of rows`, () =>
      withFolder(async (folder) => {
        const path = join(folder, "out.tif");
        const data = new PixelType(SIZE.width * SIZE.height * 2);
        for (let i = 0; i < data.length; i++) data[i] = (i * 7919) % 251;
        const options = { ...SIZE, bands: 2, dtype: dtype as keyof typeof types, nodata: 250 };
        await writeGeoTiff(path, options, async (writer) => {
          for (let row = 0, step = 1; row < SIZE.height; row += step, step = (step * 5) % 97) {
            await writer.write(data.subarray(row * SIZE.width * 2, Math.min(row + step, SIZE.height) * SIZE.width * 2));
          }
        });
        await withGeoTiff(path, async (source) => {
          assert.deepEqual([source.nodata, source.grid.transform], [250, undefined]);
          assert.deepEqual((await source.read(whole(source))).data, data);
        });
      }));
  }

  test("a file that gets too few rows is not there afterwards", () =>
    withFolder(async (folder) => {
      const path = join(folder, "out.tif");
      const options = { ...SIZE, bands: 1, dtype: "uint8" } as const;
      await assert.rejects(
        writeGeoTiff(path, options, (writer) => writer.write(new Uint8Array(SIZE.width))),
        /1 of 261 rows/,
      );
      assert.ok(!existsSync(path));
    }));
});

test("names of values beside a raster go with it when it is replaced by one without", () =>
  withFolder(async (folder) => {
    const path = join(folder, "classes.tif");
    const write = (categories?: string[]) =>
      writeGeoTiff(path, { width: 2, height: 1, bands: 1, dtype: "uint8", categories }, (writer) =>
        writer.write(new Uint8Array(2)),
      );
    await write(["water", "land"]);
    assert.ok(existsSync(`${path}.aux.xml`));
    await write();
    assert.ok(!existsSync(`${path}.aux.xml`));
  }));
