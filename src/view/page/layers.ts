/** @file The files behind the layers: blocks of the map and its probabilities, pictures of the source, each with its tiles at hand. */
import { type Cog, openCog } from "./cog.js";
import { type Colours, paintBand } from "./colours.js";
import type { ViewMeta } from "./meta.js";
import type { Block, Level } from "./pyramid.js";
import { createTileCache, type TileCache } from "./tile-cache.js";

/** Bytes of tiles kept of each file. */
const BUDGET = 2 ** 27;
const CACHE = { budget: BUDGET, concurrency: 6, retryAfter: 10_000 };
const TILE = 256;

/** Bytes of a pixel of a picture. */
export const PICTURE_BYTES = 4;

/** A block and how it was last painted. */
export interface PaintedBlock {
  readonly block: Block;
  painted?: { readonly by: Colours; readonly band: number; readonly canvas: OffscreenCanvas };
}

/** A file of blocks, its tiles at hand. */
export interface BlockFile {
  readonly cog: Cog;
  readonly cache: TileCache<PaintedBlock>;
}

/** Cells of a level of which the cache holds all at once; `pixelBytes` is what one of their pixels takes. */
export const mostCells = ({ blockWidth, blockHeight }: Level, pixelBytes: number): number =>
  Math.max(1, Math.floor(BUDGET / (blockWidth * blockHeight * pixelBytes)));

/** Bytes a pixel of a file takes: its samples, and the picture they are painted as. */
export const bytesPerPixel = ({ cog }: BlockFile): number => cog.pixelBytes + PICTURE_BYTES;

/** Opens a file of this server by range requests; `onBytes` hears how much came, `onTile` of every tile. */
export async function openFile(url: string, onBytes: (count: number) => void, onTile: () => void): Promise<BlockFile> {
  const cog = await openCog(url, onBytes);
  const cache = createTileCache<PaintedBlock>({
    fetch: async (key, signal) => {
      const [level, column, row] = key.split("/").map(Number);
      return { block: await cog.block(level, column, row, signal) };
    },
    cost: ({ block }) => (cog.pixelBytes + PICTURE_BYTES) * block.width * block.height,
    ...CACHE,
    onTile,
  });
  return { cog, cache };
}

/** The source scene: pictures the server renders on the pixels of the map. */
export interface SourceLayer {
  readonly levels: readonly Level[];
  readonly cache: TileCache<ImageBitmap>;
}

/** The source of a map; without levels where there is none. */
export function openSource({ width, height, source }: ViewMeta, onTile: () => void): SourceLayer {
  const levels = Array.from({ length: source.levels }, (_, i) => {
    const factor = 2 ** i;
    return {
      ...{ factorX: factor, factorY: factor },
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
    cost: ({ width: columns, height: rows }) => PICTURE_BYTES * columns * rows,
    drop: (picture) => picture.close(),
    ...CACHE,
    onTile,
  });
  return { levels, cache };
}

/** The picture of a block in these colours, made anew only when they are others. */
export function paint(tile: PaintedBlock, band: number, by: Colours): OffscreenCanvas {
  if (tile.painted?.by === by && tile.painted.band === band) return tile.painted.canvas;
  const { width, height } = tile.block;
  const target = tile.painted?.canvas ?? new OffscreenCanvas(width, height);
  const context = target.getContext("2d");
  context?.putImageData(new ImageData(paintBand(tile.block, band, by), width, height), 0, 0);
  tile.painted = { by, band, canvas: target };
  return target;
}
