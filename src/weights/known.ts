/** @file Which published weights there are: every encoder's own list, and the files whose names carry the start of their SHA-256. */
import { basename } from "node:path";
import { encoders } from "../catalog.js";
import type { PublishedWeights } from "../contract.js";
import { unknownName } from "../registry.js";

/** One entry of an encoder's list. */
export interface KnownWeights extends PublishedWeights {
  readonly encoder: string;
}

/** All published weights of all encoders, in order of registration. */
export function knownWeights(): KnownWeights[] {
  return [...encoders].flatMap(([encoder, { weights }]) => weights.map((entry) => ({ ...entry, encoder })));
}

/** An encoder's weights of a name, or its first ones. Throws SegError listing the names, or undefined where there are none. */
export function choosePublished(
  encoder: string,
  published: readonly PublishedWeights[],
  name?: string,
): PublishedWeights | undefined {
  if (name === undefined) return published[0];
  const found = published.find((entry) => entry.name === name);
  if (found) return found;
  throw unknownName(
    `file and none of the published weights of ${encoder}`,
    name,
    published.map((entry) => entry.name),
  );
}

/**
 * Files of facebookresearch/segment-anything (README, "Model Checkpoints") and pytorch/vision (torchvision/models/resnet.py); the hex digits in
 * their names are the first of the file's SHA-256 (torch.hub, `check_hash`).
 */
const HASHED = [
  "sam_vit_b_01ec64.pth",
  "sam_vit_l_0b3195.pth",
  "sam_vit_h_4b8939.pth",
  "resnet18-f37072fd.pth",
  "resnet34-b627a593.pth",
  "resnet50-0676ba61.pth",
  "resnet50-11ad3fa6.pth",
];

/** The first hex digits a file of this name must hash to, or undefined for a name that promises nothing. */
export function hashPrefix(path: string): string | undefined {
  const name = basename(path);
  return HASHED.includes(name) ? /[_-]([0-9a-f]{6,8})\.pth$/.exec(name)?.[1] : undefined;
}
