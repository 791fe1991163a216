/** @file A tiny data set for runs of the command line: noise in 64 x 64 photos, bright pixels are the class `bright`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { fill } from "../support/filler.js";

const SIDE = 64;
const COUNTS = { train: 5, val: 2 } as const;

/** Writes images/SPLIT and masks/SPLIT below `root`. */
export async function writeTinyData(root: string): Promise<string> {
  for (const [split, count] of Object.entries(COUNTS)) {
    for (const folder of ["images", "masks"]) await mkdir(join(root, folder, split), { recursive: true });
    for (let i = 0; i < count; i++) {
      const values = fill(split.length * 100 + i, SIDE * SIDE * 3, 255);
      const rgb = Buffer.from(values.map((value) => value + 128));
      const mask = Buffer.from(Array.from({ length: SIDE * SIDE }, (_, at) => (rgb[3 * at] > 128 ? 1 : 0)));
      const size = { width: SIDE, height: SIDE };
      const name = `${split}-${i}.png`;
      await sharp(rgb, { raw: { ...size, channels: 3 } })
        .png()
        .toFile(join(root, "images", split, name));
      const gray = sharp(mask, { raw: { ...size, channels: 1 } }).toColourspace("b-w");
      await gray.png().toFile(join(root, "masks", split, name));
    }
  }
  return root;
}

/** Flags every run of these data has. */
export const TINY = ["--classes", "dark,bright", "--threads", "1", "--encoder-weights", "none"] as const;
