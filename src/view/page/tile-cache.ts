/**
 * @file Tiles on their way and at hand: a few requests at a time, those nobody looks at any more stopped. Of the tiles nobody looks at the least
 * used are dropped; those that are looked at never are, or they would be asked for again without end.
 */

/** Tiles by name. */
export interface TileCache<T> {
  /** Makes these tiles, in this order, the ones that are loaded and kept; all other requests are stopped. */
  want(keys: readonly string[]): void;
  /** The tile if it is at hand. */
  get(key: string): T | undefined;
  /** The tile, loaded if need be, whatever `want` names meanwhile; rejects where that fails or the signal aborts. */
  load(key: string, signal: AbortSignal): Promise<T>;
  /** Whether any wanted tile is still to come. */
  isWaiting(): boolean;
  /** Why a wanted tile is missing. */
  fault(): unknown;
}

export interface TileCacheOptions<T> {
  readonly fetch: (key: string, signal: AbortSignal) => Promise<T>;
  /** Bytes of a tile. */
  readonly cost: (tile: T) => number;
  /** Frees what a dropped tile holds. */
  readonly drop?: (tile: T) => void;
  readonly budget: number;
  readonly concurrency: number;
  /** Milliseconds after which a missing tile that is still wanted is asked for once more. */
  readonly retryAfter: number;
  /** Hears that a wanted tile is there, or has failed. */
  readonly onTile: () => void;
}

/** Times a tile is asked for before it counts as missing: a request stopped for one tile can take a neighbour with it. */
const ATTEMPTS = 3;

/** An empty cache. */
export function createTileCache<T>(options: TileCacheOptions<T>): TileCache<T> {
  const { fetch, concurrency, retryAfter, onTile } = options;
  const running = new Map<string, AbortController>();
  let wanted: ReadonlySet<string> = new Set();
  const store = createStore(options, (key) => wanted.has(key));
  const failures = createFailures(retryAfter, () => {
    onTile();
    fill();
  });
  const isMissing = (key: string) => !store.has(key) && !failures.isFinal(key);
  const fill = (): void => {
    for (const key of wanted) {
      if (running.size >= concurrency) return;
      if (isMissing(key) && !running.has(key)) void start(key);
    }
  };
  const start = async (key: string): Promise<void> => {
    const controller = new AbortController();
    running.set(key, controller);
    try {
      store.keep(key, await fetch(key, controller.signal));
      failures.forget(key);
    } catch (error) {
      if (!controller.signal.aborted) failures.add(key, error);
    }
    running.delete(key); // only now, so that those that were stopped count until they have ended
    onTile();
    fill();
  };
  const want = (keys: readonly string[]): void => {
    wanted = new Set(keys);
    for (const [key, controller] of running) if (!wanted.has(key)) controller.abort();
    for (const key of failures.keys()) if (!wanted.has(key)) failures.forget(key); // a new look is a new try
    fill();
  };
  const load = async (key: string, signal: AbortSignal) => store.get(key) ?? store.keep(key, await fetch(key, signal));
  return { want, load, get: store.get, isWaiting: () => [...wanted].some(isMissing), fault: failures.reason };
}

/** How often a tile failed, and why where it counts as missing; the reason stays while the tile is tried again. */
interface Failure {
  readonly tries: number;
  readonly reason?: unknown;
}

/** Tiles that failed; one that counts as missing may be tried once more after a while, of which `onRetry` hears. */
function createFailures(retryAfter: number, onRetry: () => void) {
  const failures = new Map<string, Failure>();
  const add = (key: string, error: unknown): void => {
    const before = failures.get(key);
    const tries = (before?.tries ?? 0) + 1;
    const failure = { tries, reason: tries < ATTEMPTS ? before?.reason : error };
    failures.set(key, failure);
    if (tries >= ATTEMPTS) setTimeout(() => tryAgain(key, failure), retryAfter);
  };
  const tryAgain = (key: string, failure: Failure): void => {
    if (failures.get(key) !== failure) return; // it has been forgotten meanwhile
    failures.set(key, { ...failure, tries: ATTEMPTS - 1 });
    onRetry();
  };
  return {
    add,
    forget: (key: string) => void failures.delete(key),
    keys: () => failures.keys(),
    isFinal: (key: string) => (failures.get(key)?.tries ?? 0) >= ATTEMPTS,
    reason: () => [...failures.values()].find(({ reason }) => reason !== undefined)?.reason,
  };
}

/** Tiles within a budget of bytes, and the pinned ones whatever they cost. */
function createStore<T>({ cost, drop, budget }: TileCacheOptions<T>, isPinned: (key: string) => boolean) {
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
    const present = tiles.get(key);
    if (present !== undefined) {
      drop?.(tile);
      return present;
    }
    tiles.set(key, tile);
    bytes += cost(tile);
    for (const [oldest, value] of tiles) {
      if (bytes <= budget) break;
      if (oldest === key || isPinned(oldest)) continue;
      tiles.delete(oldest);
      bytes -= cost(value);
      drop?.(value);
    }
    return tile;
  };
  return { get, keep, has: (key: string) => tiles.has(key) };
}
