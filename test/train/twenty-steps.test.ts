/**
 * @file 20 AdamW steps of resnet18 with UNet and with FPN follow segmentation_models.pytorch 0.6.0 trained by torch in float64 from the same weights
 * and batches (test/fixtures/training.py): losses within 1e-5 relative in the first three steps, 1e-3 to the last.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createEngine } from "../../src/engine/index.js";
import { assertFollows, goldens, lossesOf } from "../support/training.js";

describe("20 steps against SMP", async () => {
  const engine = await createEngine("onnx", { threads: 2 });
  for (const name of ["resnet18, unet", "resnet18, fpn"]) {
    test(name, async () => {
      const golden = goldens[name];
      assert.equal(golden.losses.length, 20);
      assert.ok(golden.losses[19] < 0.95 * golden.losses[3], "the reference learns");
      assertFollows(await lossesOf(engine, golden, false), golden.losses);
    });
  }
});
