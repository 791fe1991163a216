/** @file Prints the median milliseconds of a model's program on one window, nothing else running. usage: tsx bare.ts MODEL TILE */
import { openModel } from "../../src/open-model.js";
import { median } from "../speed/rows.js";

const RUNS = 12;
const WARM_UP = 3;

const [path, tile] = process.argv.slice(2);
const open = await openModel(path, { once: true });
const { size, bands } = open.card.preprocessing;
const side = size ?? Number(tile);
const shape = [1, bands.length, side, side];
const data = Float32Array.from({ length: bands.length * side * side }, (_, i) => ((i * 2654435761) % 997) / 498.5 - 1);
const times: number[] = [];
for (let i = 0; i < WARM_UP + RUNS; i++) {
  const began = performance.now();
  await open.predictor.probabilities({ data, shape });
  if (i >= WARM_UP) times.push(performance.now() - began);
}
await open.close();
console.log(median(times));
