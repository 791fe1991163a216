/** @file A scene through a model in windows, blended: probabilities of the whole scene, for comparison with the scene in one window. */
import type { OpenModel } from "../../src/open-model.js";
import { axisWeights, type GeoRaster } from "../../src/raster/index.js";
import { createBlender } from "../../src/scene/blend.js";
import { openCarry } from "../../src/scene/carry.js";
import { windowModel } from "../../src/scene/features.js";
import { axesOf, settleWindows, type WindowOptions } from "../../src/scene/options.js";
import { windowReader } from "../../src/scene/reader.js";

export interface Blended {
  /** Probabilities [classes, height, width]. */
  readonly probabilities: Float32Array;
  readonly windows: number;
}

/** Blends all windows of a scene whose pixels all hold data. */
export async function blended(open: OpenModel, scene: GeoRaster, options: WindowOptions): Promise<Blended> {
  const { width, height } = scene;
  const classes = open.card.classes.length;
  const windows = settleWindows(open.card, options);
  const { columns, rows } = axesOf(width, height, windows);
  const [columnWeights, rowWeights] = [columns, rows].map((axis) => axisWeights(axis, windows.blend, windows.margin));
  const blender = createBlender(
    { columns, rows, columnWeights, rowWeights },
    openCarry({ folder: "", pieceBytes: 0 }, Number.POSITIVE_INFINITY),
  );
  const reader = windowReader(scene, { preprocessing: open.card.preprocessing, columns, rows, hashed: false });
  const model = windowModel(open, undefined, () => {});
  const probabilities = new Float32Array(classes * width * height);
  const across = columns.starts.length;
  for (let n = 0; n < across * rows.starts.length; n++) {
    const scores = await model.score(await reader.read(n));
    if (!scores?.isProbability) throw new Error("the window is scaled, or empty");
    const { data, channels, placement } = scores;
    const size = placement.paddedWidth * placement.paddedHeight;
    const planes = Array.from({ length: channels }, (_, c) => ({
      data: data.subarray(c * size, (c + 1) * size),
      stride: placement.paddedWidth,
    }));
    const block = await blender.add(n % across, Math.floor(n / across), planes);
    if (!block) throw new Error("no block came back");
    for (const [c, plane] of block.planes.entries()) {
      for (let y = 0; y < block.height; y++) {
        const row = plane.data.subarray(y * plane.stride, y * plane.stride + block.width);
        probabilities.set(row, (c * height + block.y + y) * width + block.x);
      }
    }
  }
  return { probabilities, windows: across * rows.starts.length };
}
