/** @file Tiles on their way and at hand: a few requests at a time, those nobody looks at any more stopped, the least used tiles dropped. */

/** Tiles by name. */
export interface TileCache<T> {
  /** Makes these tiles, in this order, the ones that are loaded; all other requests are stopped. */
  want(keys: readonly string[]): void;
  /** The tile if it is at hand. */
  get(key: string): T | undefined;
  /** The tile, loaded if need be, whatever `want` names meanwhile; rejects where that fails or the signal aborts. */
  load(key: string, signal: AbortSignal): Promise<T>;
  /** Whether any of these is still to come. */
  isWaiting(keys: readonly string[]): boolean;
}

export interface TileCacheOptions<T> {
  readonly fetch: (key: string, signal: AbortSignal) => Promise<T>;
  /** Bytes of a tile. */
  readonly cost: (tile: T) => number;
  readonly budget: number;
  readonly concurrency: number;
  /** Hears that a wanted tile is there, or why it does not come. */
  readonly onTile: (error?: unknown) => void;
}

/** Times a tile is asked for before it counts as missing: a request stopped for one tile can take a neighbour with it. */
const ATTEMPTS = 3;

/** An empty cache. */
export function createTileCache<T>(options: TileCacheOptions<T>): TileCache<T> {
  const { fetch, concurrency, onTile } = options;
  const store = createStore(options);
  const failures = new Map<string, number>();
  const running = new Map<string, AbortController>();
  let wanted: readonly string[] = [];
  const isMissing = (key: string) => !store.has(key) && (failures.get(key) ?? 0) < ATTEMPTS;
  const fill = (): void => {
    for (const key of wanted) {
      if (running.size >= concurrency) return;
      if (isMissing(key) && !running.has(key)) void start(key);
    }
  };
  const start = async (key: string): Promise<void> => {
    const controller = new AbortController();
    running.set(key, controller);
    let fault: unknown;
    try {
      store.keep(key, await fetch(key, controller.signal));
    } catch (error) {
      if (!controller.signal.aborted) failures.set(key, (failures.get(key) ?? 0) + 1);
      if (!isMissing(key)) fault = error;
    }
    running.delete(key); // only now, so that those that were stopped count until they have ended
    onTile(fault);
    fill();
  };
  const want = (keys: readonly string[]): void => {
    wanted = keys;
    for (const [key, controller] of running) if (!keys.includes(key)) controller.abort();
    fill();
  };
  const load = async (key: string, signal: AbortSignal) => store.get(key) ?? store.keep(key, await fetch(key, signal));
  return { want, load, get: store.get, isWaiting: (keys) => keys.some(isMissing) };
}

/** Tiles within a budget of bytes. */
function createStore<T>({ cost, budget }: TileCacheOptions<T>) {
  const tiles = new Map<string, T>();
  let bytes = 0;
  const get = (key: string): T | undefined => {
    const tile = tiles.get(key);
    if (tile === undefined) return undefined;
    tiles.delete(key);
    tiles.set(key, tile); // last, so that the first is the least used
    return tile;
  };
  const keep = (key: string, tile: T): T => {
    if (tiles.has(key)) return tile;
    tiles.set(key, tile);
    bytes += cost(tile);
    for (const [oldest, value] of tiles) {
      if (bytes <= budget || oldest === key) break;
      tiles.delete(oldest);
      bytes -= cost(value);
    }
    return tile;
  };
  return { get, keep, has: (key: string) => tiles.has(key) };
}
