/**
 * @file The images of a file: the full one, its overviews from large to small, and the mask of each.
 * Source: TIFF 6.0 tag 254 (NewSubfileType: bit 0 reduced, bit 2 mask); GDAL's GTiff driver documentation (internal masks, overviews).
 */
import type { Directory } from "./directory.js";
import { damaged, unsupported } from "./source.js";

const REDUCED = 1;
const MASK = 4;

/** One size of the image; width and height in pixels. */
export interface Level {
  readonly width: number;
  readonly height: number;
  readonly image: Directory;
  readonly mask?: Directory;
}

/** Directories of the files that GDAL puts beside an image. */
export interface Beside {
  /** Of FILE.ovr. */
  readonly overviews: readonly Directory[];
  /** Of FILE.msk and FILE.msk.ovr: the mask, then those of the overviews. */
  readonly masks: readonly Directory[];
}

interface Image {
  readonly directory: Directory;
  readonly kind: number;
  readonly width: number;
  readonly height: number;
  readonly samples: number;
}

/**
 * The first directory's image, then its overviews, largest first. An overview without a mask of a masked image is left out. What lies beside the file
 * counts where the file has none of its own.
 */
export async function readLevels(
  directories: readonly Directory[],
  beside: Beside = { overviews: [], masks: [] },
): Promise<[Level, ...Level[]]> {
  const [main, ...others] = await Promise.all(directories.map(describe));
  const inner = others.filter((other) => isOverview(other, main));
  const outer = inner.length > 0 ? [] : await overviewsBeside(beside, main);
  const masks = [...others, ...outer].filter(({ kind, samples }) => kind & MASK && samples === 1);
  if (!masks.some((mask) => isOfSize(mask, main))) masks.push(...(await masksBeside(beside, main)));
  const level = (image: Image): Level => {
    const mask = masks.find((other) => isOfSize(other, image));
    return { width: image.width, height: image.height, image: image.directory, ...(mask && { mask: mask.directory }) };
  };
  const full = level(main);
  const overviews = [...inner, ...outer.filter((other) => isOverview(other, main))].map(level);
  const usable = overviews.filter(({ mask }) => mask !== undefined || full.mask === undefined);
  return [full, ...usable.sort((a, b) => b.width - a.width || b.height - a.height)];
}

const isOfSize = (a: Image, b: Image): boolean => a.width === b.width && a.height === b.height;

/** Images and masks; not those of another depth: of a bit GDAL makes bytes. */
async function overviewsBeside({ overviews }: Beside, main: Image): Promise<Image[]> {
  if (overviews.length === 0) return [];
  const depth = ({ directory }: Image) => directory.number(258, 1);
  const images = await Promise.all(overviews.map(describe));
  const depths = await Promise.all([main, ...images].map(depth));
  return images.filter(({ kind }, i) => kind & MASK || depths[i + 1] === depths[0]);
}

/** A file of masks whose first is the main image's. */
async function masksBeside({ masks }: Beside, main: Image): Promise<Image[]> {
  const images = await Promise.all(masks.map(describe));
  if (images.length === 0) return [];
  const [{ directory, samples }] = images;
  const { path } = directory.source;
  if (!isOfSize(images[0], main)) throw damaged(path, "it is a mask of another size than its image");
  if (samples !== 1) throw unsupported(path, "a mask for each band");
  return images.filter((image) => image.samples === 1);
}

const isOverview = ({ kind, width, height, samples }: Image, main: Image): boolean =>
  (kind & (REDUCED | MASK)) === REDUCED &&
  width >= 1 &&
  height >= 1 &&
  width <= main.width &&
  height <= main.height &&
  width * height < main.width * main.height &&
  samples === main.samples;

async function describe(directory: Directory): Promise<Image> {
  return {
    directory,
    kind: await directory.number(254, 0),
    width: await directory.number(256, 0),
    height: await directory.number(257, 0),
    samples: await directory.number(277, 1),
  };
}
