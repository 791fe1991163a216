/** @file An exported ONNX file stands alone: onnxruntime gives the scores of `predict` from raw pixels and the file's own metadata. */
import assert from "node:assert/strict";
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
