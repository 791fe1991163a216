/** @file Whether a scene's outputs are there already, and what stands in an unfinished one's work folder. */
import { existsSync } from "node:fs";
import { SegError } from "../errors.js";
import { refuseInput } from "../predict-outputs.js";
import { openGeoTiff } from "../raster/index.js";
import { hasWork, readWork, workFolder } from "./work.js";

/** Metadata item of a class map: windows that failed and were marked. */
export const FAILED = "FAILED_WINDOWS";

/**
 * `complete`: the class map and what goes with it (`maps`, class map first) were made from the same. Rejects with SegError where an output is the input itself,
 * or was made from something else and may not be replaced.
 */
export async function sceneState(
  input: string,
  maps: readonly string[],
  key: string,
  { force = false, onError }: { readonly force?: boolean; readonly onError?: "fail" | "nodata" },
): Promise<"complete" | "absent"> {
  for (const map of maps) refuseInput(input, map);
  const found = await Promise.all(maps.map(itemsOfMap));
  const isWhole = !found[0]?.has(FAILED) || onError === "nodata";
  const isOurs = found.every((items) => items?.get("KEY") === key);
  if (isOurs && isWhole && !hasWork(workFolder(maps[0]))) return "complete";
  const other = maps.find((map, i) => existsSync(map) && found[i]?.get("KEY") !== key);
  if (other === undefined || force) return "absent";
  const remedy = "choose another --out, or replace it with --force";
  throw new SegError(other, "exists and was made from something else", remedy);
}

/** What a GeoTIFF says of itself; undefined for a file that is none. */
async function itemsOfMap(path: string): Promise<ReadonlyMap<string, string> | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    const map = await openGeoTiff(path);
    await map.close();
    return map.metadata;
  } catch (error) {
    if (error instanceof SegError) return undefined; // something else lies there
    throw error;
  }
}

/** How far the scene of an output is. */
export interface SceneProgress {
  readonly output: string;
  readonly state: "complete" | "unfinished" | "absent";
  /** Rows of windows finished, and in all, of an unfinished one. */
  readonly done?: number;
  readonly rows?: number;
  /** Seconds the rest takes at the pace so far. */
  readonly secondsLeft?: number;
}

/** How far an output is, from its work folder. */
export async function sceneProgress(output: string): Promise<SceneProgress> {
  const work = await readWork(workFolder(output));
  if (!work) return { output, state: (await itemsOfMap(output))?.has("KEY") ? "complete" : "absent" };
  const done = work.lines.length;
  const seconds = work.lines.reduce((sum, line) => sum + line.seconds, 0);
  const left = done ? { secondsLeft: (seconds / done) * (work.rows - done) } : {};
  return { output, state: "unfinished", done, rows: work.rows, ...left };
}
