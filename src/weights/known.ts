/** @file Which published weights there are: every encoder's own list, and the SHA-256 of the original files. */
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
 * SHA-256 of files as their makers publish them. The digits in Meta's file names are of another hash (the SHA-256 of sam_vit_b_01ec64.pth starts
 * with ec2df627); those in torchvision's are the first of the SHA-256 (torch.hub, `check_hash`).
 * Sources: SAM: computational-cell-analytics/micro-sam, micro_sam/util.py, registry of the downloads from dl.fbaipublicfiles.com. ResNets: torchvision's
 * own file names for the first eight digits (pytorch/vision, torchvision/models/resnet.py), the rest as public download scripts verify it.
 */
const STATED: ReadonlyMap<string, string> = new Map([
  ["sam_vit_b_01ec64.pth", "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"],
  ["sam_vit_l_0b3195.pth", "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"],
  ["sam_vit_h_4b8939.pth", "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"],
  ["resnet18-f37072fd.pth", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"],
  ["resnet34-b627a593.pth", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f"],
  ["resnet50-0676ba61.pth", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"],
  ["resnet50-11ad3fa6.pth", "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca"],
]);

/** What a file of this name must hash to, or undefined for a name nobody publishes under. */
export function statedHash(path: string): string | undefined {
  return STATED.get(basename(path));
}
