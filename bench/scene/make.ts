/**
 * @file A made-up scene of any size: towns of the project's generator, turned and mirrored, laid side by side and lit differently, with labels' classes known.
 * Written row of towns by row of towns, so memory follows the width. usage: tsx make.ts FILE WIDTH HEIGHT
 */
import { TOWN_CLASSES, paintTown } from "../../src/demo/town.js";
import { generator } from "../../src/random.js";
import { makeGrid, writeGeoTiff } from "../../src/raster/index.js";

const SIDE = 1024;
const TOWNS = 6;
const BANDS = 3;

/** Classes of the towns. */
export const classNames = TOWN_CLASSES.map(({ name }) => name);

/** Writes a scene of bytes [height, width, 3] as a COG at half a metre a pixel. */
export async function makeScene(path: string, width: number, height: number): Promise<void> {
  const towns = Array.from({ length: TOWNS }, (_, seed) => paintTown(seed, SIDE).image.data as Uint8Array);
  const grid = makeGrid(width, height, [500_000, 0.5, 0, 5_800_000, 0, -0.5], 32633);
  await writeGeoTiff(path, { width, height, bands: BANDS, dtype: "uint8", grid }, async (writer) => {
    for (let top = 0; top < height; top += SIDE) {
      const rows = Math.min(SIDE, height - top);
      const band = new Uint8Array(rows * width * BANDS);
      for (let left = 0; left < width; left += SIDE)
        layTown(band, towns, { left, width, rows, place: `${left}/${top}` });
      await writer.write(band);
    }
  });
}

interface Place {
  readonly left: number;
  readonly width: number;
  readonly rows: number;
  readonly place: string;
}

function layTown(band: Uint8Array, towns: readonly Uint8Array[], { left, width, rows, place }: Place): void {
  const random = generator(1, place);
  const town = towns[random.integer(TOWNS)];
  const turn = random.integer(8);
  const light = random.integer(31) - 15;
  const columns = Math.min(SIDE, width - left);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const from = BANDS * turned(turn, x, y);
      const to = BANDS * (y * width + left + x);
      for (let b = 0; b < BANDS; b++) band[to + b] = Math.min(255, Math.max(0, town[from + b] + light));
    }
  }
}

/** Pixel of a town under one of its eight turns and reflections. */
function turned(turn: number, x: number, y: number): number {
  const [across, down] = turn & 1 ? [y, x] : [x, y];
  return (turn & 2 ? SIDE - 1 - down : down) * SIDE + (turn & 4 ? SIDE - 1 - across : across);
}

if (process.argv[1]?.endsWith("make.ts")) {
  const [path, width, height] = process.argv.slice(2);
  await makeScene(path, Number(width), Number(height));
}
