/**
 * @file Training steps through the trainer's session: gradients and apply, as `seg train` runs them. A frozen encoder means cached maps.
 *
 * usage: tsx step.ts [--encoder NAME] [--decoder NAME] [--tune full | frozen | lora] [--size 256] [--batch 8] [--classes 11]
 *        [--warm-up N] [--repeats N] [--threads N]
 */
import { createEngine } from "../../../src/engine/index.js";
import { predictRunMemory } from "../../../src/train/memory.js";
import type { Tune } from "../../../src/train/plan.js";
import { measure, programArguments, say } from "../protocol.js";
import { prepare } from "./session.js";
import { timedEngine } from "./timed-engine.js";

const { own, ...repeats } = programArguments({
  encoder: "resnet18",
  decoder: "unet",
  tune: "full",
  size: "256",
  batch: "8",
  classes: "11",
});
const { encoder, decoder } = own;
const [size, batchSize, classes] = [own.size, own.batch, own.classes].map(Number);
const timed = timedEngine(await createEngine("onnx", { threads: repeats.threads }));
const work = { encoder, decoder, tune: own.tune as Tune, size, batchSize, classes };
const { plan, session, input, parameters } = await prepare(timed.engine, work);
const memory = await predictRunMemory(plan, timed.engine);
say({ parameters, figures: { flops: timed.flops(), ...(memory ? { predictedBytes: memory.steps } : {}) } });
let step = 0;
await measure(repeats, async () => {
  const { loss, finite } = await session.step([input], { step: ++step, lr: 3e-4, beta1: 0.9 });
  if (!finite) throw new Error(`step ${step} is not finite: loss ${loss}`);
  return undefined;
});
await session.dispose();
