/**
 * @file Inference through the Predictor of `seg predict` and `seg embed`: seeded random weights as constants, one random square photo.
 * Times what happens inside the program. `--part encode` runs the encoder only, `decode` the rest, from random maps.
 *
 * usage: tsx predictor.ts [--encoder NAME] [--decoder NAME] [--part whole | encode | decode] [--size 1024] [--classes 11] [--precision fp32]
 *        [--warm-up N] [--repeats N] [--threads N]
 */
import type { Raster } from "../../../src/contract.js";
import { createEngine } from "../../../src/engine/index.js";
import { countParameters, defineModel } from "../../../src/model.js";
import { createPredictor } from "../../../src/predictor.js";
import { predictImageMemory } from "../../../src/predictor-memory.js";
import { generator } from "../../../src/random.js";
import { measure, programArguments, say } from "../protocol.js";
import { missingPrecision, noise, precisionOf, predictorPlan } from "./plans.js";
import { timedEngine } from "./timed-engine.js";

const { own, ...repeats } = programArguments({
  encoder: "sam-vit-b",
  decoder: "unet",
  part: "whole",
  size: "1024",
  classes: "11",
  precision: "fp32",
});
const { encoder, decoder, part } = own;
const unavailable = await missingPrecision(own.precision);
if (unavailable) say({ unavailable });
else await run();

async function run(): Promise<void> {
  const isPart = (name: string) => part === "whole" || name.startsWith("encoder.") === (part === "encode");
  const model = defineModel({ encoder, decoder, classes: Number(own.classes) });
  const options = { threads: repeats.threads, precision: precisionOf(own.precision) };
  const timed = timedEngine(await createEngine("onnx", options));
  const plan = { ...predictorPlan(model, isPart), engine: timed.engine, once: true };
  const predictor = createPredictor(plan);
  const image = photo(Number(own.size));
  const side = model.encoder.input.size ?? image.width;
  const shapes = part === "decode" ? model.cachedShapes(side, side) : [];
  const maps = shapes.map((shape, i) => noise([1, ...shape], `map${i}`));
  const predicted = predictImageMemory(plan, part as "whole" | "encode" | "decode", image);
  const work = {
    whole: () => predictor.scores(image),
    encode: () => predictor.preparedMaps(image),
    decode: () => predictor.scoresOfMaps(maps, image),
  }[part as "whole" | "encode" | "decode"];
  say({ parameters: countParameters(model.slots(), isPart) });
  await measure(repeats, async () => {
    await work();
    return timed.take();
  });
  say({ figures: { flops: timed.flops(), ...(predicted === undefined ? {} : { predictedBytes: predicted }) } });
  await predictor.dispose();
}

function photo(side: number): Raster {
  const random = generator(1, "photo");
  const data = Uint8Array.from({ length: side * side * 3 }, () => random.integer(256));
  return { data, width: side, height: side, bands: 3 };
}
