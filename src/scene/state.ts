/** @file Whether a scene's outputs are there already, and what stands in an unfinished one's work folder. */
import { existsSync, realpathSync } from "node:fs";
import { SegError } from "../errors.js";
import { openGeoTiff } from "../raster/index.js";
import { readWork, workFolder } from "./work.js";

/**
 * `complete`: the class map and what goes with it (`maps`, class map first) were made from the same. Rejects with SegError where an output is the input itself,
 * or was made from something else and may not be replaced.
 */
export async function sceneState(
  input: string,
  maps: readonly string[],
  key: string,
  force: boolean,
): Promise<"complete" | "absent"> {
  for (const map of maps) refuseInput(input, map);
  const keys = await Promise.all(maps.map(keyOfMap));
  if (keys.every((found) => found === key) && !existsSync(workFolder(maps[0]))) return "complete";
  const other = maps.find((map, i) => existsSync(map) && keys[i] !== key);
  if (other === undefined || force) return "absent";
  const remedy = "choose another --out, or replace it with --force";
  throw new SegError(other, "exists and was made from something else", remedy);
}

function refuseInput(input: string, map: string): void {
  if (!existsSync(map) || !existsSync(input) || realpathSync(map) !== realpathSync(input)) return;
  throw new SegError(map, "is the input itself, which would be lost", "give a folder of its own with --out");
}

/** What a GeoTIFF says it was made from; undefined for none, and for a file that is no GeoTIFF. */
async function keyOfMap(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    const map = await openGeoTiff(path);
    await map.close();
    return map.metadata.get("KEY");
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
  if (!work) return { output, state: (await keyOfMap(output)) === undefined ? "absent" : "complete" };
  const done = work.lines.length;
  const seconds = work.lines.reduce((sum, line) => sum + line.seconds, 0);
  const left = done ? { secondsLeft: (seconds / done) * (work.rows - done) } : {};
  return { output, state: "unfinished", done, rows: work.rows, ...left };
}
