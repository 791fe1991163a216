/**
 * @file Open GeoTIFFs, kept while they are read and a moment longer, a few at a time: a dataset has no end to close them at.
 */
import { type GeoRaster, type OpenOptions, openGeoTiff } from "../raster/index.js";

/** Reads from files by path. */
export interface ScenePool {
  /** Runs `read` on the open file; it stays open until the last reader is done. */
  use<T>(path: string, read: (scene: GeoRaster) => Promise<T>): Promise<T>;
}

interface Entry {
  readonly scene: Promise<GeoRaster>;
  users: number;
  /** Order of last use. */
  last: number;
  timer?: NodeJS.Timeout;
}

/** Idle files kept open, and for how long. */
const MOST_IDLE = 4;
const IDLE_MILLISECONDS = 2000;
/** Decoded blocks held for each of them, bytes: several are open at a time. */
const CACHE_BYTES = 2 ** 26;

/** A pool of its own for each dataset. */
export function scenePool(options: OpenOptions = {}): ScenePool {
  const entries = new Map<string, Entry>();
  let clock = 0;

  const close = (path: string, entry: Entry) => {
    clearTimeout(entry.timer);
    if (entries.get(path) === entry) entries.delete(path);
    entry.scene.then((scene) => scene.close()).catch(() => undefined); // it was read from; a failed close loses nothing
  };
  const release = (path: string, entry: Entry) => {
    entry.users--;
    entry.last = clock++;
    if (entry.users > 0) return;
    entry.timer = setTimeout(() => close(path, entry), IDLE_MILLISECONDS);
    entry.timer.unref();
    const idle = [...entries].filter(([, { users }]) => users === 0).sort(([, a], [, b]) => a.last - b.last);
    for (const [old, found] of idle.slice(0, Math.max(0, idle.length - MOST_IDLE))) close(old, found);
  };

  return {
    async use(path, read) {
      const entry = entries.get(path) ?? {
        scene: openGeoTiff(path, { cacheBytes: CACHE_BYTES, ...options }),
        users: 0,
        last: clock,
      };
      entries.set(path, entry);
      clearTimeout(entry.timer);
      entry.users++;
      try {
        return await read(await entry.scene);
      } finally {
        release(path, entry);
      }
    },
  };
}
