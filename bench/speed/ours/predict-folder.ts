/**
 * @file The real `seg predict` over a folder of photos (1024 x 768 JPEG): the share of its time that the model does not run, of the whole process
 * and from the first photo to the last. usage: tsx predict-folder.ts [--encoder resnet18] [--photos 32] [--warm-up N] [--repeats N] [--threads N]
 */
import { join } from "node:path";
import { createModel } from "../../../src/index.js";
import { programArguments, say } from "../protocol.js";
import { inFolder, mainRuns, outside, timedSeg } from "./command.js";
import { CLASSES, writePhotos } from "./photos.js";

const { own, warmUp, repeats, threads } = programArguments({ encoder: "resnet18", photos: "32" });
const count = Number(own.photos);
await inFolder(async (folder) => {
  await writePhotos(folder, count);
  const model = await createModel({ encoder: own.encoder, decoder: "unet", classes: CLASSES, encoderWeights: "none" });
  const file = await model.save(folder);
  await model.close();
  for (let i = 0; i < warmUp + repeats; i++) {
    const args = [
      "predict",
      join(folder, "images"),
      "--model",
      file,
      "--out",
      join(folder, `out${i}`),
      "--threads",
      threads,
    ];
    const time = timedSeg(args.map(String), join(folder, "time.json"));
    const photos = mainRuns(time);
    if (photos.length !== count) throw new Error(`${photos.length} runs of the model for ${count} photos`);
    const [from, to] = [photos[0][0], photos[count - 1][0]];
    const figures = { outside: outside(time, time.began, time.ended), between: outside(time, from, to) };
    if (i >= warmUp) say({ seconds: (time.ended - time.began) / 1000, figures });
  }
});
