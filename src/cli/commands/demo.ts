/** @file `seg demo`: a synthetic town, learnt and mapped in about a minute. */
import { runDemo } from "../../demo/index.js";
import { EXIT } from "../../errors.js";
import { type Arguments, defineCommand, text, wholeNumber } from "../command.js";
import { jsonFlag } from "../options.js";
import { percent, print } from "../output.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

export const command = defineCommand(
  {
    out: { type: "string", describe: "folder to write [default: demo-town]", requiresArg: true },
    seed: { type: "string", describe: "seed of the town and of the training [default: 0]", requiresArg: true },
    steps: { type: "string", describe: "training steps [default: 120]", requiresArg: true },
    json: jsonFlag,
  },
  demo,
);

async function demo(args: Arguments): Promise<number> {
  const options = {
    out: text(args, "out") ?? "demo-town",
    seed: wholeNumber(args, "seed", 0),
    steps: wholeNumber(args, "steps"),
  };
  const result = await withSignals((signal) => runDemo(options, terminalTalk(signal)));
  print(args.json, result, () => {
    for (const [i, name] of result.classes.entries()) console.log(`${name.padEnd(10)} IoU ${percent(result.iou[i])}`);
    console.log(`majority class alone: mIoU ${percent(result.majorityMIoU)}`);
    console.log(`unseen scene: mIoU ${percent(result.mIoU)} after ${result.seconds.toFixed(0)} s`);
    console.log(`overlay: ${result.overlay}\npage:    ${result.page}`);
  });
  return EXIT.ok;
}
