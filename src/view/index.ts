/**
 * @file A class map in the browser: a local server whose page reads the map's blocks by range requests and draws them over the scene the map was
 * made of.
 */
import { type FileHandle, open } from "node:fs/promises";
import pLimit from "p-limit";
import { errorLine } from "../errors.js";
import { shownUrl } from "../network.js";
import type { GeoRaster } from "../raster/index.js";
import type { Talk } from "../talk.js";
import { ASSETS } from "./assets.js";
import { describeMap, openClassMap, openProbabilities } from "./map-file.js";
import type { ViewMeta } from "./page/meta.js";
import { sendFile } from "./ranges.js";
import { type Handler, isLoopback, type Routes, startServer } from "./server.js";
import { openSourceTiles, type SourceOptions, type SourceTiles } from "./source-tiles.js";
import { isElsewhere, readSummary } from "./summary.js";

export interface ViewOptions extends SourceOptions {
  /** The scene under the map: a path, or a URL; default: what the map's summary names. */
  readonly source?: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: one that is free. */
  readonly port?: number;
}

/** A view that is being served. */
export interface View {
  readonly url: string;
  readonly meta: ViewMeta;
  close(): Promise<void>;
}

const TILES_AT_A_TIME = 2;
const TILE_CACHE_BYTES = 2 ** 26;
/** Compressions whose decoders in the browser are WebAssembly: LERC and Zstandard. */
const WASM_DECODERS = [34887, 50000];

/** Serves a class map until `close`. SegError for files that cannot be shown and ports that cannot be had. */
export async function startView(path: string, options: ViewOptions, talk: Talk): Promise<View> {
  const opened: { close(): Promise<unknown> }[] = [];
  const keep = <T extends { close(): Promise<unknown> } | undefined>(value: T): T => {
    if (value) opened.push(value);
    return value;
  };
  const close = async () => void (await Promise.all(opened.reverse().map((value) => value.close())));
  try {
    const map = keep(await openClassMap(path));
    const summary = await readSummary(path, talk.warn);
    const probabilities = keep(await openProbabilities(map, talk.warn));
    const { tiles, note } = await chooseSource(map, options, summary.input, talk);
    keep(tiles);
    const mapFile = keep(await open(path));
    const probabilityFile = probabilities && keep(await open(probabilities.path));
    const bytes = (await mapFile.stat()).size + ((await probabilityFile?.stat())?.size ?? 0);
    const described = await describeMap(map, probabilities, summary, bytes);
    const meta: ViewMeta = { ...described, source: { levels: tiles?.levels ?? 0, note } };
    const served = { meta, mapFile, probabilityFile, tiles };
    const compressions = [map, probabilities].map((raster) => raster?.compression ?? 0);
    const policy = contentPolicy(compressions.some((code) => WASM_DECODERS.includes(code)));
    const { host = "127.0.0.1", port = 0 } = options;
    const onFault = (error: unknown) => talk.warn(errorLine(error));
    const server = keep(await startServer(routesOf(served), { host, port, policy, onFault }));
    if (!isLoopback(host))
      talk.warn(`${host} can be reached from other machines: whoever has the address below sees the map`);
    return { url: server.url, meta, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * A source that was asked for must do; one the summary names is left out with a note where it does not. The summary came with the map, so nothing
 * it says makes this machine ask another one.
 */
async function chooseSource(
  map: GeoRaster,
  { source, ...options }: ViewOptions,
  input: string | undefined,
  talk: Talk,
) {
  if (source !== undefined) return { tiles: await openSourceTiles(source, map, options), note: nameOf(source) };
  if (input === undefined) return { note: "no source is known; name one with --source" };
  if (isElsewhere(input)) {
    talk.info(`the map was made of ${shownUrl(input)}; --source shows it`);
    return { note: `${nameOf(input)} is on another machine; name it with --source` };
  }
  try {
    return { tiles: await openSourceTiles(input, map, options), note: nameOf(input) };
  } catch (error) {
    talk.warn(`${errorLine(error)} (the map is shown alone)`);
    return { note: `${nameOf(input)} cannot be shown; see the terminal` };
  }
}

/** The last part of a path, or of an address, whose query and password are not for the page. */
function nameOf(path: string): string {
  const shown = isElsewhere(path) ? shownUrl(path) : path;
  return shown.split(/[\\/]/).findLast((part) => part !== "") ?? shown;
}

interface Served {
  readonly meta: ViewMeta;
  readonly mapFile: FileHandle;
  readonly probabilityFile: FileHandle | undefined;
  readonly tiles: SourceTiles | undefined;
}

/** Only what this page needs: nothing inline, nothing evaluated, nothing from elsewhere. */
function contentPolicy(needsWasm: boolean): string {
  const [scripts, connections] = needsWasm ? [" 'wasm-unsafe-eval'", " data:"] : ["", ""]; // zstddec fetches its code from a data: URL
  const allowed = `script-src 'self'${scripts}; style-src 'self'; img-src 'self'; connect-src 'self'${connections}`;
  return `default-src 'none'; ${allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

function routesOf({ meta, mapFile, probabilityFile, tiles }: Served): Routes {
  const table = new Map<string, Handler>();
  for (const [path, { type, body }] of ASSETS)
    table.set(path, async (request, response) => sendBytes(type, await body())(request, response));
  table.set("/meta.json", sendBytes("application/json", Buffer.from(JSON.stringify(meta))));
  table.set("/map.tif", (request, response) => sendFile(mapFile, request, response, "image/tiff"));
  if (probabilityFile) {
    table.set("/map.prob.tif", (request, response) => sendFile(probabilityFile, request, response, "image/tiff"));
  }
  const png = tiles && cachedTiles(tiles);
  return (path) => table.get(path) ?? (png && sourceRoute(path, tiles.levels, png));
}

const sendBytes =
  (type: string, body: Buffer): Handler =>
  ({ method }, response) => {
    response.writeHead(200, { "Content-Type": type, "Content-Length": body.length });
    response.end(method === "HEAD" ? undefined : body);
  };

type TileOf = (level: number, column: number, row: number, isGone: () => boolean) => Promise<Uint8Array | undefined>;

/** /source/LEVEL/COLUMN/ROW.png, the numbers written in one way only. */
function sourceRoute(path: string, levels: number, png: TileOf): Handler | undefined {
  const match = /^\/source\/(0|[1-9]\d?)\/(0|[1-9]\d{0,7})\/(0|[1-9]\d{0,7})\.png$/.exec(path);
  const [level, column, row] = (match ?? []).slice(1).map(Number);
  if (!match || level >= levels) return undefined;
  return async (request, response) => {
    const tile = await png(level, column, row, () => response.destroyed);
    if (tile) return sendBytes("image/png", Buffer.from(tile))(request, response);
    response.writeHead(404, { "Content-Type": "text/plain" }).end("beside the map\n");
  };
}

/** Tiles rendered a few at a time and kept, the least used leaving first; who has gone away waits for none. */
function cachedTiles(tiles: SourceTiles): TileOf {
  const limit = pLimit(TILES_AT_A_TIME);
  const cache = new Map<string, Uint8Array>();
  let bytes = 0;
  return (level, column, row, isGone) =>
    limit(async () => {
      if (isGone()) return undefined;
      const key = `${level}/${column}/${row}`;
      const tile = cache.get(key) ?? (await tiles.png(level, column, row));
      if (!tile) return undefined;
      if (!cache.delete(key)) bytes += tile.length;
      cache.set(key, tile); // last, so that the first is the least used
      for (const [oldest, value] of cache) {
        if (bytes <= TILE_CACHE_BYTES) break;
        cache.delete(oldest);
        bytes -= value.length;
      }
      return tile;
    });
}
