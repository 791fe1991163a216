/**
 * @file Maps a scene of any height with a model: overlapping windows, probabilities blended with separable weights, classes handed on row by row
 * as soon as no further window touches them.
 */
import { IGNORE } from "../contract.js";
import type { Predictor } from "../predictor.js";
import { type Scores, toProbabilities } from "../postprocess.js";
import { type BlendMode, type GeoRaster, axisWeights, type WindowGrid, windowGrid } from "../raster/index.js";
import type { Progress } from "../talk.js";
import { turn } from "../talk.js";

export interface SceneOptions {
  /** Side of windows, pixels. */
  readonly tile: number;
  /** Pixels shared by neighbours; at most half a tile. */
  readonly overlap: number;
  readonly blend: BlendMode;
  readonly classes: number;
}

/** Classes of consecutive rows [rows, width] from the top down; IGNORE where the scene holds no data. */
export type RowSink = (classes: Uint8Array) => Promise<void>;

/** Number of windows a scene is cut into. */
export function countWindows(width: number, height: number, { tile, overlap }: SceneOptions): number {
  return windowGrid(width, height, tile, overlap).windows.length;
}

/** Maps a scene; every pixel gets exactly one class. Rejects with what `breathe` rejects with, between two windows. */
export async function mapScene(
  scene: GeoRaster,
  predictor: Predictor,
  options: SceneOptions,
  sink: RowSink,
  bar: Progress,
  breathe: () => Promise<void> = turn,
): Promise<void> {
  const grid = windowGrid(scene.width, scene.height, options.tile, options.overlap);
  const band = new BlendBand(grid, scene.width, options);
  for (let row = 0; row < grid.rows.starts.length; row++) {
    for (let column = 0; column < grid.columns.starts.length; column++) {
      const window = grid.windows[row * grid.columns.starts.length + column];
      const image = await scene.read(window);
      if (!image.valid || image.valid.includes(1)) {
        const scores = toProbabilities(await predictor.scores(image));
        band.add(scores, image.valid, row, column);
      }
      bar.add(1);
      await breathe();
    }
    await sink(band.take(row));
  }
}

/** Weighted probabilities [classes, tile height, scene width] of the window row at hand. */
class BlendBand {
  private readonly sums: Float32Array;
  private readonly valid: Uint8Array;
  private readonly columnWeights: Float64Array[];
  private readonly rowWeights: Float64Array[];
  private readonly plane: number;

  constructor(
    private readonly grid: WindowGrid,
    private readonly width: number,
    { classes, blend }: SceneOptions,
  ) {
    this.plane = grid.rows.size * width;
    this.sums = new Float32Array(classes * this.plane);
    this.valid = new Uint8Array(this.plane);
    this.columnWeights = axisWeights(grid.columns, blend);
    this.rowWeights = axisWeights(grid.rows, blend);
  }

  add({ data, classes, width, height }: Scores, valid: Uint8Array | undefined, row: number, column: number): void {
    const left = this.grid.columns.starts[column];
    const [wx, wy] = [this.columnWeights[column], this.rowWeights[row]];
    for (let c = 0; c < classes; c++) {
      for (let y = 0; y < height; y++) {
        const from = (c * height + y) * width;
        const to = c * this.plane + y * this.width + left;
        for (let x = 0; x < width; x++) this.sums[to + x] += wy[y] * wx[x] * data[from + x];
      }
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) if (!valid || valid[y * width + x]) this.valid[y * this.width + left + x] = 1;
    }
  }

  /** Classes of the rows no later window touches; the rest moves up. */
  take(row: number): Uint8Array {
    const { starts, size } = this.grid.rows;
    const rows = row + 1 < starts.length ? starts[row + 1] - starts[row] : size;
    const out = this.classesOf(rows * this.width);
    const done = rows * this.width;
    for (let at = 0; at < this.sums.length; at += this.plane) moveUp(this.sums.subarray(at, at + this.plane), done);
    moveUp(this.valid, done);
    return out;
  }

  private classesOf(pixels: number): Uint8Array {
    const { sums, plane, valid } = this;
    const out = new Uint8Array(pixels);
    for (let i = 0; i < pixels; i++) {
      let best = i;
      for (let at = i + plane; at < sums.length; at += plane) if (sums[at] > sums[best]) best = at;
      out[i] = valid[i] ? Math.floor(best / plane) : IGNORE;
    }
    return out;
  }
}

function moveUp(values: Float32Array | Uint8Array, by: number): void {
  values.copyWithin(0, by);
  values.fill(0, values.length - by);
}
