/** @file Made-up photos with masks, the same ones every time: blobs of the classes' colours under noise, JPEG and PNG. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { generator } from "../../../src/random.js";

export const CLASSES = 11;
const WIDTH = 1024;
const HEIGHT = 768;
const CELL = 64;

/** Writes FOLDER/images/NN.jpg and FOLDER/masks/NN.png. */
export async function writePhotos(folder: string, count: number): Promise<void> {
  await mkdir(join(folder, "images"), { recursive: true });
  await mkdir(join(folder, "masks"), { recursive: true });
  for (let i = 0; i < count; i++) {
    const { pixels, labels, ...size } = photo(i);
    const name = String(i).padStart(2, "0");
    await sharp(pixels, { raw: { ...size, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(join(folder, "images", `${name}.jpg`));
    await sharp(labels, { raw: { ...size, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toFile(join(folder, "masks", `${name}.png`));
  }
}

/** Pixels [H, W, 3] and labels [H, W] of one. */
export function photo(index: number) {
  const random = generator(index, "photo");
  const cells = Uint8Array.from({ length: (WIDTH * HEIGHT) / CELL ** 2 }, () => random.integer(CLASSES));
  const labels = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
    return cells[Math.floor(y / CELL) * (WIDTH / CELL) + Math.floor(x / CELL)];
  });
  const pixels = new Uint8Array(3 * WIDTH * HEIGHT);
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = ((labels[Math.floor(i / 3)] * (37 + 16 * (i % 3))) % 200) + random.integer(40);
  return { pixels, labels, width: WIDTH, height: HEIGHT };
}
