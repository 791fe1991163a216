/**
 * @file Images and masks in folders. Three layouts need no option: ROOT/train/images + ROOT/train/masks,
 * ROOT/images/train + ROOT/masks/train, and ROOT/images + ROOT/masks (val is then drawn by a hash of the name).
 * Images are RGB photos; masks are PNG or TIFF of class indices, or of colours with a class map.
 */
import { join } from "node:path";
import type { Dataset, DatasetKind } from "../src/contract.js";
import { fileHelp, labelHelp, splitHelp } from "../src/dataset/help.js";
import { type PairOptions, pairFiles } from "../src/dataset/pairing.js";
import { nameOf, photoDataset, type SplitOptions } from "../src/dataset/photos.js";
import type { LabelOptions } from "../src/dataset/scheme.js";

/** Options of `folder`; null is not given. */
export interface FolderOptions extends PairOptions, LabelOptions, SplitOptions {}

export const folder: { readonly folder: DatasetKind<FolderOptions> } = {
  folder: {
    about: "photos and masks in folders; splits by folder, list file or share",
    defaults: {
      images: null,
      masks: null,
      imageSuffix: null,
      maskSuffix: null,
      splitBy: null,
      lists: null,
      valFraction: 0.2,
      splitSeed: 0,
      classes: null,
      classMap: null,
      ignoreIndex: null,
    },
    help: {
      ...fileHelp,
      masks: "pattern of the masks; its wildcards stand for the images'",
      maskSuffix: "end of mask names that images lack",
      splitBy: "folders, lists or fraction (the first there is)",
      lists: "pattern of the list files named after the splits",
      ...splitHelp,
      ...labelHelp,
    },
    open: openFolder,
  },
};

async function openFolder(root: string, options: FolderOptions): Promise<Dataset> {
  const warnings: string[] = [];
  const found = await pairFiles(root, options, warnings);
  const pairs = found.map((pair) => ({ ...pair, image: join(root, pair.image), mask: join(root, pair.mask) }));
  return photoDataset({ name: nameOf(root), root, pairs, labels: options, split: options, warnings });
}
