/** @file A folder many tests of a file share. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface WorkFolder {
  readonly root: string;
  remove(): Promise<void>;
}

/** Makes it and fills it. */
export async function makeWorkFolder(fillIt: (root: string) => Promise<void>): Promise<WorkFolder> {
  const root = await mkdtemp(join(tmpdir(), "seg-"));
  await fillIt(root);
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
