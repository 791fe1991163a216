/**
 * @file Steps of SAM's encoder with the simple pyramid and the UNet decoder follow segment-anything's encoder, the pyramid in torch and SMP's
 * decoder, trained by torch in float64 from the same weights and batches (test/fixtures/training.py): frozen (through cached maps and
 * without), LoRA, fine-tuned. Tolerances as in twenty-steps.test.ts.
 */
import { describe, test } from "node:test";
import { createEngine } from "../../src/engine/index.js";
import { assertFollows, goldens, lossesOf } from "../support/training.js";

describe("SAM trains as in torch", async () => {
  const engine = await createEngine("onnx", { threads: 2 });
  for (const [name, golden] of Object.entries(goldens).filter(([key]) => key.startsWith("sam, "))) {
    test(name, async () => assertFollows(await lossesOf(engine, golden, false), golden.losses));
  }
  test("sam, frozen, from cached maps", async () => {
    const golden = goldens["sam, frozen"];
    assertFollows(await lossesOf(engine, golden, true), golden.losses);
  });
});
