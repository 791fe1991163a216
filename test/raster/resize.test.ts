/**
 * @file Resizing bit for bit as Pillow does it, and preprocessing bit for bit as segment-anything does it: uint8 after the resize, float32 after
 * normalising and padding (test/fixtures/resize.py). JPEG and PNG files are decoded by readPhoto, so decoding is part of it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Raster } from "../../src/contract.js";
import { type Preprocessing, toInput } from "../../src/preprocess.js";
import { readPhoto, resizeBilinear, resizeNearest, samSize } from "../../src/raster/index.js";
import { assertClose, largest } from "../support/close.js";
import { fill, fillIntegers } from "../support/filler.js";

type Size = [number, number];
interface Prepared {
  readonly side: number;
  readonly size: Size;
  readonly resized: string;
  readonly input: string;
}
interface Photo {
  readonly file: string;
  readonly decoded: string;
  readonly at: Prepared[];
}
interface Fixture {
  readonly bilinear: { image: string; from: Size; to: Size; bilinear: string; entries: number[]; nearest: string }[];
  readonly floats: { from: Size; to: Size; entries: number[] }[];
  readonly photos: Photo[];
  readonly frames: Photo[];
}
const FIXTURES = join(import.meta.dirname, "../fixtures");
const CAMVID = join(import.meta.dirname, "../../../shared/data/camvid");
const golden: Fixture = JSON.parse(readFileSync(join(FIXTURES, "resize.json"), "utf8"));

const digest = ({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array) =>
  createHash("sha256")
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest("hex");
const entries = (data: ArrayLike<number>) => [...fillIntegers(9, 12, data.length)].map((i) => data[i]);

/** As `image_of` of resize.py. */
function imageOf(kind: string, [width, height]: Size): Raster {
  const bands = kind === "grey" ? 1 : 3;
  const noise = fillIntegers(kind.length, width * height * bands, 256);
  if (kind !== "smooth") return { data: Uint8Array.from(noise), width, height, bands };
  const data = Uint8Array.from(noise, (value, i) => {
    const [b, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return (x * (3 + b) + y * (5 - b) + Math.floor(value / 16)) % 256;
  });
  return { data, width, height, bands };
}

describe("resize as Pillow", () => {
  for (const { image, from, to, ...expected } of golden.bilinear) {
    test(`${image}, ${from.join("x")} to ${to.join("x")}`, () => {
      const resized = resizeBilinear(imageOf(image, from), ...to);
      assert.ok(resized.data instanceof Uint8Array);
      assert.deepEqual([resized.width, resized.height], to);
      assert.deepEqual(entries(resized.data), expected.entries);
      assert.equal(digest(resized.data), expected.bilinear, "not bit for bit");
    });
  }
  for (const { from, to, nearest } of golden.bilinear.filter(({ image }) => image === "grey")) {
    test(`nearest, ${from.join("x")} to ${to.join("x")}`, () => {
      const { data } = imageOf("grey", from) as { data: Uint8Array };
      const resized = resizeNearest({ data, width: from[0], height: from[1] }, ...to);
      assert.equal(digest(resized.data), nearest);
    });
  }
  for (const { from, to, entries: expected } of golden.floats) {
    test(`float32, ${from.join("x")} to ${to.join("x")}`, () => {
      const data = fill(17, from[0] * from[1], 4096);
      const resized = resizeBilinear({ data, width: from[0], height: from[1], bands: 1 }, ...to);
      assertClose(entries(resized.data), expected, 1e-6 * largest(expected), "mode F");
    });
  }
});

const planOf = (side: number): Preprocessing => ({
  bands: [0, 1, 2],
  bandNames: ["red", "green", "blue"],
  mean: [123.675, 116.28, 103.53],
  std: [58.395, 57.12, 57.375],
  size: side,
  multipleOf: side,
});

async function comparePhoto(folder: string, { file, decoded, at }: Photo): Promise<void> {
  const raster = await readPhoto(join(folder, file));
  assert.equal(digest(raster.data as Uint8Array), decoded, "decoding");
  for (const { side, size, resized, input } of at) {
    const { width, height } = samSize(raster.width, raster.height, side);
    assert.deepEqual([width, height], size);
    assert.equal(digest(resizeBilinear(raster, width, height).data as Uint8Array), resized, `resize to ${side}`);
    const made = toInput(raster, planOf(side)).input;
    assert.deepEqual(made.shape, [1, 3, side, side]);
    assert.equal(digest(made.data as Float32Array), input, `network input of side ${side}`);
  }
}

describe("preprocessing as segment-anything", () => {
  for (const photo of golden.photos) test(photo.file, () => comparePhoto(FIXTURES, photo));
  const skip = existsSync(CAMVID) ? false : "CamVid is not on this machine";
  for (const frame of golden.frames) test(`CamVid ${frame.file}`, { skip }, () => comparePhoto(CAMVID, frame));
});
