/** @file Maps a made-up scene of as many rows as the argument says and prints the most memory the process held, in MiB. */
import type { Predictor } from "../../src/predictor.js";
import type { GeoRaster } from "../../src/raster/index.js";
import { mapScene } from "../../src/scene/index.js";
import { silent } from "../../src/talk.js";

const [width, height, classes] = [1024, Number(process.argv[2]), 4];
const scene = {
  width,
  height,
  read: async (window: { width: number; height: number }) => ({
    data: new Uint8Array(window.width * window.height),
    width: window.width,
    height: window.height,
    bands: 1,
  }),
} as unknown as GeoRaster; // what mapScene reads of it
const predictor = {
  scores: async (image: { width: number; height: number }) => ({
    data: new Float32Array(classes * image.width * image.height),
    classes,
    width: image.width,
    height: image.height,
  }),
} as unknown as Predictor; // the same

let rows = 0;
const sink = async (part: Uint8Array) => {
  rows += part.length / width;
};
await mapScene(scene, predictor, { tile: 128, overlap: 32, blend: "cosine", classes }, sink, silent.progress("", 1));
if (rows !== height) throw new Error(`${rows} rows of ${height}`);
console.log(process.resourceUsage().maxRSS / 1024);
