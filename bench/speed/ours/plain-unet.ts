/** @file The plain UNet step of bench/step/network.ts. usage: tsx plain-unet.ts [--warm-up N] [--repeats N] [--threads N] */
import { createEngine } from "../../../src/engine/index.js";
import { PARAMETERS, plainUnet } from "../../step/network.js";
import { measure, programArguments, say } from "../protocol.js";

const { own: _, ...repeats } = programArguments({});
const step = await plainUnet(await createEngine("onnx", { threads: repeats.threads }));
say({ parameters: PARAMETERS });
await measure(repeats, async () => {
  say({ loss: await step() });
  return undefined;
});
