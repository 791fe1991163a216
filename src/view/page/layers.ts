/** @file The files behind the layers: blocks of the map and its probabilities, pictures of the source, each with its tiles at hand. */
import { type Cog, openCog } from "./cog.js";
import { type ByteColours, paintBand } from "./colours.js";
import type { ViewMeta } from "./meta.js";
import type { Block, Level } from "./pyramid.js";
import { createTileCache, type TileCache } from "./tile-cache.js";

/** Bytes of tiles kept of each file. */
const BUDGET = 2 ** 27;
const CONCURRENCY = 6;
const TILE = 256;

/** A block and how it was last painted. */
export interface PaintedBlock {
  readonly block: Block;
  painted?: { readonly by: ByteColours; readonly band: number; readonly canvas: OffscreenCanvas };
}

/** A file of blocks, its tiles at hand. */
export interface BlockFile {
  readonly cog: Cog;
  readonly cache: TileCache<PaintedBlock>;
}

/** Hears of every tile, and why one does not come. */
export type OnTile = (error?: unknown) => void;

/** Opens a file of this server by range requests; `onBytes` hears how much came. */
export async function openFile(url: string, onBytes: (count: number) => void, onTile: OnTile): Promise<BlockFile> {
  const cog = await openCog(url, onBytes);
  const cache = createTileCache<PaintedBlock>({
    fetch: async (key, signal) => {
      const [level, column, row] = key.split("/").map(Number);
      return { block: await cog.block(level, column, row, signal) };
    },
    cost: ({ block }) => block.data.length + 4 * block.width * block.height,
    ...{ budget: BUDGET, concurrency: CONCURRENCY, onTile },
  });
  return { cog, cache };
}

/** The source scene: pictures the server renders on the pixels of the map. */
export interface SourceLayer {
  readonly levels: readonly Level[];
  readonly cache: TileCache<ImageBitmap>;
}

/** The source of a map; without levels where there is none. */
export function openSource({ width, height, source }: ViewMeta, onTile: OnTile): SourceLayer {
  const levels = Array.from({ length: source.levels }, (_, i) => {
    const factor = 2 ** i;
    return {
      factor,
      width: Math.ceil(width / factor),
      height: Math.ceil(height / factor),
      blockWidth: TILE,
      blockHeight: TILE,
    };
  });
  const cache = createTileCache<ImageBitmap>({
    fetch: async (key, signal) => {
      const response = await fetch(`source/${key}.png`, { signal });
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      return createImageBitmap(await response.blob());
    },
    cost: ({ width: columns, height: rows }) => 4 * columns * rows,
    ...{ budget: BUDGET, concurrency: CONCURRENCY, onTile },
  });
  return { levels, cache };
}

/** The picture of a block in these colours, made anew only when they are others. */
export function paint(tile: PaintedBlock, band: number, by: ByteColours): OffscreenCanvas {
  if (tile.painted?.by === by && tile.painted.band === band) return tile.painted.canvas;
  const { width, height } = tile.block;
  const target = tile.painted?.canvas ?? new OffscreenCanvas(width, height);
  const context = target.getContext("2d");
  context?.putImageData(new ImageData(paintBand(tile.block, band, by), width, height), 0, 0);
  tile.painted = { by, band, canvas: target };
  return target;
}
