/**
 * @file The images of a file: the full one, its overviews from large to small, and the mask of each.
 * Source: TIFF 6.0 tag 254 (NewSubfileType: bit 0 reduced, bit 2 mask); GDAL's GTiff driver documentation (internal masks, overviews).
 */
import type { Directory } from "./directory.js";

const REDUCED = 1;
const MASK = 4;

/** One size of the image; width and height in pixels. */
export interface Level {
  readonly width: number;
  readonly height: number;
  readonly image: Directory;
  readonly mask?: Directory;
}

interface Image {
  readonly directory: Directory;
  readonly kind: number;
  readonly width: number;
  readonly height: number;
  readonly samples: number;
}

/** The first directory's image, then its overviews, largest first. An overview without a mask of a masked image is left out. */
export async function readLevels(directories: readonly Directory[]): Promise<[Level, ...Level[]]> {
  const [main, ...others] = await Promise.all(directories.map(describe));
  const masks = others.filter(({ kind, samples }) => kind & MASK && samples === 1);
  const level = ({ directory, width, height }: Image): Level => {
    const mask = masks.find((other) => other.width === width && other.height === height);
    return { width, height, image: directory, ...(mask && { mask: mask.directory }) };
  };
  const full = level(main);
  const overviews = others.filter((other) => isOverview(other, main)).map(level);
  const usable = overviews.filter(({ mask }) => mask !== undefined || full.mask === undefined);
  return [full, ...usable.sort((a, b) => b.width - a.width || b.height - a.height)];
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
