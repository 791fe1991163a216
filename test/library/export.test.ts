/** @file An exported ONNX file stands alone: onnxruntime gives the scores of `predict` from raw pixels and the file's own metadata. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { createModel } from "../../src/index.js";
import { placementOf } from "../../src/preprocess.js";
import { resizeBilinear } from "../../src/raster/index.js";
import { placeBack } from "../../src/postprocess.js";
import { largest, largestDifference } from "../support/close.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";

const CASES = [
  { options: { encoder: "resnet-test", decoder: "unet", classes: 3 }, size: { height: 64, width: 96 } },
  { options: { encoder: "sam-vit-test", decoder: "fpn", classes: 2, tune: "lora", head: "sigmoid" }, size: {} },
] as const;

for (const { options, size } of CASES) {
  test(`${options.encoder} + ${options.decoder}: the file gives the scores of predict`, async () => {
    await withFolder(async (folder) => {
      const model = await createModel({ ...options, threads: 1 });
      for (const [name, { data }] of model.state)
        if (name.endsWith("lora_B")) data.set(fill(name.length, data.length, 0.25));
      const path = join(folder, "model.onnx");
      const { input, output, externalData } = await model.export(path, size);
      assert.equal(externalData, false);
      const image = {
        data: Uint8Array.from(fill(5, 90 * 60 * 3, 250), (v) => v + 126),
        width: 90,
        height: 60,
        bands: 3,
      };

      const session = await InferenceSession.create(path);
      const { preprocessing } = model.card;
      const [, bands, H, W] = input;
      const at = placementOf(90, 60, { ...preprocessing, multipleOf: 1 });
      const scaled = at.width === 90 ? image : resizeBilinear(image, at.width, at.height);
      const raw = new Float32Array(bands * H * W);
      for (let b = 0; b < bands; b++) {
        raw.fill(preprocessing.mean[b], b * H * W, (b + 1) * H * W); // what metadata `padding` says
        for (let y = 0; y < at.height; y++)
          for (let x = 0; x < at.width; x++) raw[(b * H + y) * W + x] = scaled.data[(y * at.width + x) * bands + b];
      }
      const { scores } = await session.run({ image: new Tensor("float32", raw, [...input]) });
      assert.deepEqual([...scores.dims], [...output]);
      const placed = { ...at, paddedWidth: W, paddedHeight: H };
      const got = placeBack(scores.data as Float32Array, output[1], placed, 90, 60);
      const wanted = await model.predictor.scores(image);
      const { distance } = largestDifference(got.data, wanted.data);
      assert.ok(distance <= 1e-4 * largest(wanted.data), `${distance} apart, largest ${largest(wanted.data)}`);
    });
  });
}

test("weights beside the model give the same scores; a fault leaves nothing half", () =>
  withFolder(async (folder) => {
    const model = await createModel({ ...CASES[0].options, threads: 1 });
    const size = { height: 32, width: 32 };
    const scoresOf = async (path: string) => {
      const session = await InferenceSession.create(path);
      const input = new Tensor("float32", fill(1, 3 * 32 * 32, 100), [1, 3, 32, 32]);
      return (await session.run({ image: input })).scores.data;
    };
    const [whole, parted] = [join(folder, "whole.onnx"), join(folder, "parted.onnx")];
    assert.equal((await model.export(whole, size)).externalData, false);
    assert.equal((await model.export(parted, { ...size, inlineLimit: 0 })).externalData, true);
    const files = ["parted.onnx", "parted.onnx.data", "whole.onnx"];
    assert.deepEqual((await readdir(folder)).sort(), files);
    assert.ok((await stat(parted)).size < (await stat(whole)).size / 2);
    assert.deepEqual(await scoresOf(parted), await scoresOf(whole));

    await assert.rejects(model.export(parted, { ...size, inlineLimit: 0 }), /parted\.onnx: exists; .*--force/);
    await rm(`${parted}.data`);
    await mkdir(`${parted}.data`); // a file cannot take this name
    const before = await readFile(parted);
    await assert.rejects(model.export(parted, { ...size, inlineLimit: 0, force: true }), {
      name: "SegError",
      subject: `${parted}.data`,
    });
    assert.deepEqual((await readdir(folder)).sort(), files);
    assert.deepEqual(await readFile(parted), before);
  }));

test("a size the encoder cannot take is refused by name, a file that is there only replaced by force", () =>
  withFolder(async (folder) => {
    const path = join(folder, "model.onnx");
    const free = await createModel({ ...CASES[0].options, threads: 1 });
    for (const height of [0, -32, 33, 1.5, Number.NaN])
      await assert.rejects(
        free.export(path, { height, width: 32 }),
        /--size .*x32: resnet-test needs positive multiples of 32; try/,
      );
    const fixed = await createModel({ ...CASES[1].options, threads: 1 });
    for (const height of [0, 32])
      await assert.rejects(fixed.export(path, { height }), /--size: sam-vit-test has the fixed input size/);
    await writeFile(path, "mine");
    await assert.rejects(free.export(path), { name: "SegError", exitCode: 2 });
    assert.equal(await readFile(path, "utf8"), "mine");
    await free.export(path, { height: 32, force: true });
    assert.ok((await stat(path)).size > 1000);
  }));
