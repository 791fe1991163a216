/** @file Files of every form: valid for GDAL's script and for rio-cogeo, and the same pixels on all levels for rasterio and for our own reader. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type CogOptions, writeCog } from "../../src/cog/index.js";
import { SAMPLE_TYPES, type Samples } from "../../src/cog/samples.js";
import { openGeoTiff } from "../../src/raster/index.js";
import { naivePyramid, type Picture } from "./naive.js";

const SCRIPT = join(import.meta.dirname, "validators.py");
const PYTHON = join(import.meta.dirname, "../../.venv/bin/python");
const SYSTEM_PYTHON = "/usr/bin/python3";
const absent = [PYTHON, SYSTEM_PYTHON].find((path) => !existsSync(path));
const skip = absent ? `${absent} is not there` : false;

const SIDE = 64;
const SIZES = { pixel: [1, 1], odd: [197, 131], exact: [256, 128] } as const;
const NODATA = { uint8: 255, uint16: 0, int16: -32768, uint32: 7, int32: -1, float32: Number.NaN, float64: -9999 };

interface Case {
  readonly name: string;
  readonly options: CogOptions;
  readonly picture: Picture;
}

const types = Object.keys(SAMPLE_TYPES) as (keyof typeof NODATA)[];
const sizes = Object.keys(SIZES) as (keyof typeof SIZES)[];

/** Every form of bytes and of single precision; of the other types those of the odd size, which has all kinds of blocks. */
const cases = types.flatMap((dtype) =>
  (dtype === "uint8" || dtype === "float32" ? sizes : (["odd"] as const)).flatMap((size) =>
    [1, 3].flatMap((bands) =>
      [true, false].flatMap((sparse) => [true, false].map((big) => makeCase(dtype, size, bands, sparse, big))),
    ),
  ),
);

function makeCase(
  dtype: keyof typeof NODATA,
  size: keyof typeof SIZES,
  bands: number,
  sparse: boolean,
  big: boolean,
): Case {
  const [width, height] = SIZES[size];
  const isFloat = dtype.startsWith("float");
  const predictor = bands === 1 ? 1 : isFloat ? 3 : 2;
  const overviews = isFloat ? (bands === 1 ? "mean" : "nearest") : bands === 1 ? "mode" : "mean";
  const nodata = sparse ? { nodata: NODATA[dtype] } : {};
  const shape = { width, height, bands };
  return {
    name: [dtype, size, bands, sparse ? "sparse" : "dense", big ? "big" : "classic"].join("-"),
    options: { ...shape, dtype, blockSize: SIDE, predictor, overviews, ...nodata, bigTiffFrom: big ? 1 : 2 ** 32 - 1 },
    picture: { ...shape, samples: patches(shape, dtype, sparse ? NODATA[dtype] : undefined) },
  };
}

/** Patches of few values with single pixels among them; with nodata, the right half is empty and some pixels of the left. */
function patches(
  { width, height, bands }: Omit<Picture, "samples">,
  dtype: keyof typeof NODATA,
  nodata?: number,
): Samples {
  const samples = new SAMPLE_TYPES[dtype].array(width * height * bands);
  for (let i = 0; i < samples.length; i++) {
    const [x, y] = [Math.floor(i / bands) % width, Math.floor(i / bands / width)];
    const odd = ((x * 31 + y * 17 + i) * 2654435761) % 13;
    samples[i] = odd < 2 ? odd * 20 : (Math.floor(x / 9) + Math.floor(y / 7) + (i % bands)) % 6;
    if (nodata !== undefined && (x >= width / 2 || odd === 5) && width > 1) samples[i] = nodata;
  }
  return samples;
}

describe("every form of file", { skip }, () => {
  let folder: string;
  let gdal: Record<string, { errors: string[] }>;
  let rio: Record<string, { errors: string[]; levels: number[][]; dtype: string; nodata: string }>;
  const pathOf = (name: string) => join(folder, `${name}.tif`);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "seg-cog-"));
    for (const { name, options, picture } of cases)
      await writeCog(pathOf(name), options, (writer) => writer.write(picture.samples));
    const ask = (python: string, judge: string) => {
      const args = [SCRIPT, judge, ...cases.map(({ name }) => pathOf(name))];
      return JSON.parse(
        execFileSync(python, args, { encoding: "utf8", maxBuffer: 2 ** 26, stdio: ["ignore", "pipe", "pipe"] }),
      );
    };
    gdal = ask(SYSTEM_PYTHON, "gdal");
    rio = ask(PYTHON, "rio");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { name, options, picture } of cases) {
    test(name, async () => {
      const path = pathOf(name);
      assert.deepEqual(gdal[path].errors, [], "GDAL");
      assert.deepEqual(rio[path].errors, [], "rio-cogeo");
      const expected = naivePyramid(picture, SIDE, options.overviews as "mode" | "mean" | "nearest", options.nodata);
      assert.deepEqual(
        rio[path].levels,
        expected.map(({ width, height }) => [width, height]),
      );
      assert.equal(rio[path].dtype, options.dtype);
      for (const [level, { samples }] of expected.entries())
        await sameSamples(`${path}.${level}.bin`, samples, options);
      await readBack(path, picture, options);
    });
  }
});

async function sameSamples(file: string, expected: Samples, { dtype }: CogOptions): Promise<void> {
  const bytes = new Uint8Array(await readFile(file));
  const found = new SAMPLE_TYPES[dtype].array(bytes.buffer);
  assert.equal(found.length, expected.length);
  const wrong = found.findIndex((value, i) => !Object.is(value, expected[i]));
  assert.equal(wrong, -1, `${file}: sample ${wrong} is ${found[wrong]}, expected ${expected[wrong]}`);
}

async function readBack(path: string, picture: Picture, { nodata, dtype }: CogOptions): Promise<void> {
  const source = await openGeoTiff(path, { alpha: "band" });
  try {
    const { data } = await source.read({ x: 0, y: 0, width: picture.width, height: picture.height });
    assert.deepEqual(data, picture.samples);
    assert.deepEqual([source.nodata, source.dtype], [nodata, dtype]);
    assert.equal((await readFile(path)).readUInt16LE(2), path.includes("big") ? 43 : 42);
  } finally {
    await source.close();
  }
}
