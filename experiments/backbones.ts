/** @file Does a frozen SAM backbone beat a small convolutional one trained whole, with the same decoder and the same steps? */
import type { Grid } from "sam-seg";

export default {
  question: "Frozen SAM or a ResNet-18 trained whole, both under a UNet?",
  base: { decoder: "unet", dataset: "camvid", data: "data/camvid", steps: 300, batchSize: 4, lr: 1e-3 },
  vary: { encoder: ["resnet18", "sam-vit-b"], seed: [0, 1] },
} satisfies Grid;
