/**
 * @file A photo with a mask file as a sample of a data set. It is made of plain data, so that another thread can read the same sample.
 */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import sharp from "sharp";
import type { LabelMap, Raster, Sample } from "../contract.js";
import { SegError } from "../errors.js";
import { sha256File } from "../files.js";
import { type Grid, type IndexedImage, openGeoTiff, readIndexed, readPhoto, warnOfRotation } from "../raster/index.js";
import { sameGrid } from "./grids.js";
import { type MaskContext, toLabels } from "./masks.js";
import type { LabelScheme } from "./scheme.js";

/** What a sample is made of. */
export interface PhotoRecipe {
  /** With the split: `train/0001TP_006690`. */
  readonly id: string;
  readonly image: string;
  readonly mask: string;
  readonly scheme: LabelScheme;
}

/** A sample of a photo and its mask; `warn` hears what is remarkable about its files. */
export class PhotoSample implements Sample {
  private hash: Promise<string> | undefined;

  constructor(
    readonly recipe: PhotoRecipe,
    readonly warn: (message: string) => void,
  ) {}

  get id(): string {
    return this.recipe.id;
  }

  get file(): string {
    return this.recipe.image;
  }

  image(): Promise<Raster> {
    return readRgb(this.recipe.image, this.warn);
  }

  async labels(): Promise<LabelMap> {
    const { image, mask, scheme } = this.recipe;
    const stored = await readIndexed(mask);
    await checkSize(image, mask, stored, this.warn);
    return toLabels(stored, scheme, { file: mask } satisfies MaskContext);
  }

  contentHash(): Promise<string> {
    this.hash ??= sha256File(this.recipe.image);
    return this.hash;
  }
}

async function readRgb(path: string, warn: (message: string) => void): Promise<Raster> {
  const raster = await readPhoto(path, { warn });
  if (raster.bands === 3) return raster;
  throw new SegError(path, `has ${raster.bands} bands, not 3`, "read such scenes with --dataset geotiff");
}

async function checkSize(
  image: string,
  mask: string,
  stored: IndexedImage,
  warn: (message: string) => void,
): Promise<void> {
  const info = await describeImage(image, warn);
  if (info.width !== stored.width || info.height !== stored.height) {
    const reason = `is ${stored.width} x ${stored.height} pixels, its image ${info.width} x ${info.height}`;
    throw new SegError(mask, reason, `give ${basename(image)} a mask of its own size`);
  }
  if (!info.grid || !(await isTiff(mask))) return;
  const source = await openGeoTiff(mask);
  await source.close();
  const difference = sameGrid(info.grid, source.grid);
  if (difference)
    throw new SegError(mask, `lies elsewhere than ${basename(image)}: ${difference}`, "put both on one grid");
}

/** What an image's header says. */
export interface ImageInfo {
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly tiff: boolean;
  readonly grid?: Grid;
}

/** Size of an image from its header; `warn` hears of a rotation there, for who reads labels alone. */
export async function describeImage(path: string, warn?: (message: string) => void): Promise<ImageInfo> {
  if (await isTiff(path)) {
    const { width, height, bands, grid, close } = await openGeoTiff(path);
    await close();
    return { width, height, bands, grid, tiff: true };
  }
  try {
    const metadata = await sharp(path).metadata();
    const { width, height, channels } = metadata;
    warnOfRotation(path, metadata, { warn });
    return { width, height, bands: channels, tiff: false };
  } catch (cause) {
    throw new SegError(path, "is not a readable image", "replace the file", 2, { cause });
  }
}

async function isTiff(path: string): Promise<boolean> {
  const head = Buffer.alloc(4);
  const file = await open(path).catch((cause: unknown) => {
    throw new SegError(path, "cannot be opened", "check the path", 2, { cause });
  });
  try {
    await file.read(head, 0, 4, 0);
  } finally {
    await file.close();
  }
  return ["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(head.toString("latin1"));
}
