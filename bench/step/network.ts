/**
 * @file One training step of a UNet decoder on a cached 64x64x256 embedding, 1024x1024 mask, batch 1, plain SGD: the network of the step spike
 * built from our ops. bench/speed/peers/plain_unet.py and plain-unet-tfjs.mjs have the same network, values and losses.
 */
import type { Engine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import { grad } from "../../src/graph/grad.js";
import { type Shape, sizeOf, type Tensor, type TensorData } from "../../src/graph/tensor.js";

const SIDE = 64;
const CHANNELS = [256, 128, 64, 32, 16];

const shapes: Shape[] = CHANNELS.slice(1).flatMap((C, i): Shape[] => [
  [C, CHANNELS[i], 3, 3],
  [C],
  [C],
  [C, C, 3, 3],
  [C],
  [C],
]);
shapes.push([1, CHANNELS[4], 3, 3], [1]);

/** Values of all parameters. */
export const PARAMETERS = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);

/** Compiles the step; the function does one and resolves to its loss. */
export async function plainUnet(engine: Engine): Promise<() => Promise<number>> {
  const program = await engine.compile({ outputs: traceStep() });
  const feeds = initialFeeds();
  return async () => {
    const out = await program.run(feeds);
    for (const i of shapes.keys()) feeds[`p${i}`] = out[`next${i}`];
    return out.loss.data[0];
  };
}

/** Loss and the parameters after one step. */
function traceStep(): Record<string, Tensor> {
  const P = shapes.map((shape, i) => g.input(`p${i}`, shape));
  const image = g.input("y", [1, 1, SIDE * 16, SIDE * 16]);
  let h: Tensor = g.input("x", [1, CHANNELS[0], SIDE, SIDE]);
  for (let k = 0; k < 24; k += 6) {
    h = g.relu(g.batchNorm(g.upsampleConv2d(h, P[k]), P[k + 1], P[k + 2], 1e-5)); // [1, C, 2 H, 2 W]
    h = g.relu(g.batchNorm(g.conv2d(h, P[k + 3], { padding: 1 }), P[k + 4], P[k + 5], 1e-5));
  }
  const z = g.add(g.conv2d(h, P[24], { padding: 1 }), g.reshape(P[25], [1, 1, 1, 1]));
  const loss = g.mul(g.sum(g.sub(g.softplus(z), g.mul(z, image))), 1 / (SIDE * SIDE * 256));
  const lr = g.input("lr", []);
  const next = grad(loss, P).map((d, i) => g.sub(P[i], g.mul(d, lr)));
  return { loss, ...Object.fromEntries(next.map((value, i) => [`next${i}`, value])) };
}

/** The spike's generator and draws, so that losses can be compared. */
function initialFeeds(): Record<string, TensorData> {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return seed / 0x7fffffff - 0.5;
  };
  const fill = (shape: Shape, value: (i: number) => number): TensorData => ({
    data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)),
    shape,
  });
  const x = fill([1, CHANNELS[0], SIDE, SIDE], () => random() * 2);
  const mask = (i: number) => ((Math.floor(i / (SIDE * 16)) >> 5) + ((i % (SIDE * 16)) >> 5)) & 1;
  const y = fill([1, 1, SIDE * 16, SIDE * 16], mask);
  const feeds: Record<string, TensorData> = { x, y, lr: fill([], () => 0.1) };
  for (const [i, shape] of shapes.entries()) {
    const wide = 2 * Math.sqrt(3 / (9 * shape[1]));
    feeds[`p${i}`] =
      shape.length === 4 ? fill(shape, () => random() * wide) : fill(shape, () => (i < 24 && i % 3 === 1 ? 1 : 0));
  }
  return feeds;
}
