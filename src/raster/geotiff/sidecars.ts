/**
 * @file Files that GDAL puts beside an image it may not or shall not change: FILE.ovr with overviews, FILE.msk with a mask, FILE.msk.ovr with its
 * overviews. Local ones only: behind an address each would be asked for in vain. Source: GDAL's GTiff driver documentation.
 */
import { existsSync } from "node:fs";
import { readDirectories } from "./directory.js";
import type { Beside } from "./levels.js";
import { type ByteSource, openSource } from "./source.js";

/** What lies beside an image, held open. */
export interface Sidecars extends Beside {
  readonly files: readonly ByteSource[];
  close(): Promise<void>;
}

/** The files beside a local image; SegError for one that is no sound TIFF. */
export async function openSidecars({ path, traffic }: ByteSource): Promise<Sidecars> {
  const files: ByteSource[] = [];
  const close = async () => {
    for (const file of files) await file.close();
  };
  const directories = async (beside: string) => {
    if (traffic || !existsSync(beside)) return [];
    files.push(await openSource(beside));
    return readDirectories(files[files.length - 1]);
  };
  try {
    const overviews = await directories(`${path}.ovr`);
    const masks = await directories(`${path}.msk`);
    if (masks.length > 0) masks.push(...(await directories(`${path}.msk.ovr`)));
    return { overviews, masks, files, close };
  } catch (error) {
    await close();
    throw error;
  }
}
