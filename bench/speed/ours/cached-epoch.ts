/**
 * @file The real `seg train` over cached embeddings of SAM ViT-B: of each step's time, from one gradient run to the next, the share that the model
 * does not run. Steps after the first epoch only. usage: tsx cached-epoch.ts [--decoder unet] [--repeats N] [--threads N]
 */
import { join } from "node:path";
import { programArguments, say } from "../protocol.js";
import { inFolder, mainRuns, outside, seg, timedSeg } from "./command.js";
import { CLASSES, writePhotos } from "./photos.js";

const IMAGES = 8;
const BATCH = 2;

const { own, repeats, threads } = programArguments({ decoder: "unet" });
await inFolder(async (folder) => {
  await writePhotos(folder, IMAGES);
  const parts = ["--encoder", "sam-vit-b", "--encoder-weights", "none", "--tune", "frozen", "--decoder", own.decoder];
  const data = ["--data", folder, "--classes", CLASSES, "--val-fraction", 0, "--cache", join(folder, "cache")];
  const args = ["train", ...parts, ...data, "--batch-size", BATCH, "--threads", threads].map(String);
  seg([...args, "--steps", "1", "--out", join(folder, "fill")]);
  const first = IMAGES / BATCH;
  const steps = String(first + repeats + 1);
  const time = timedSeg(
    [...args, "--steps", steps, "--save-every", steps, "--out", join(folder, "run")],
    join(folder, "time.json"),
  );
  const starts = mainRuns(time).map(([start]) => start);
  for (let i = first; i + 1 < starts.length; i++) {
    const [from, to] = [starts[i], starts[i + 1]];
    say({ seconds: (to - from) / 1000, figures: { outside: outside(time, from, to) } });
  }
  say({ figures: { wholeProcess: outside(time, time.began, time.ended) } });
});
