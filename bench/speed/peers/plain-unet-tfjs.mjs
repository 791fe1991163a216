/**
 * @file The plain UNet step of bench/step/network.ts in TensorFlow.js, eager, on tfjs-node (NHWC): same network, same initial values, plain SGD.
 *
 * usage: node plain-unet-tfjs.mjs --tfjs FOLDER [--warm-up N] [--repeats N] [--threads N]     (FOLDER: build-tfjs-node.sh)
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

const option = (value) => ({ type: "string", default: value });
const { values } = parseArgs({
  options: { tfjs: option(""), "warm-up": option("1"), repeats: option("5"), threads: option("2") },
});
process.env.TF_NUM_INTRAOP_THREADS = values.threads;
process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
const require = createRequire(join(values.tfjs, "package.json"));
const tf = require("@tensorflow/tfjs-node");

const SIDE = 64;
const CHANNELS = [256, 128, 64, 32, 16];
const say = (line) => console.log(JSON.stringify(line));

/** The spike's generator: draws are in NCHW and OIHW order. */
let seed = 1;
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return seed / 0x7fffffff - 0.5;
};
const drawn = (shape, scale) => {
  const length = shape.reduce((product, extent) => product * extent, 1);
  return tf.tensor(
    Float32Array.from({ length }, () => random() * scale),
    shape,
  );
};

const x = drawn([1, CHANNELS[0], SIDE, SIDE], 2).transpose([0, 2, 3, 1]);
const at = tf.range(0, SIDE * 16, 1, "int32").floorDiv(tf.scalar(32, "int32"));
const y = at
  .reshape([-1, 1])
  .add(at.reshape([1, -1]))
  .mod(tf.scalar(2, "int32"))
  .cast("float32")
  .reshape([1, SIDE * 16, SIDE * 16, 1]);

const kernel = (out, from) =>
  tf.variable(drawn([out, from, 3, 3], 2 * Math.sqrt(3 / (9 * from))).transpose([2, 3, 1, 0]));
const norm = (out) => [tf.variable(tf.ones([out])), tf.variable(tf.zeros([out]))];
const blocks = CHANNELS.slice(1).map((out, i) => [kernel(out, CHANNELS[i]), norm(out), kernel(out, out), norm(out)]);
const last = kernel(1, CHANNELS[4]);
const bias = tf.variable(tf.zeros([1]));
const variables = [...blocks.flat(2), last, bias];

function normalise(h, [gamma, beta]) {
  const { mean, variance } = tf.moments(h, [0, 1, 2]);
  return tf.relu(tf.batchNorm(h, mean, variance, beta, gamma, 1e-5));
}

function lossOf() {
  let h = x;
  for (const [first, firstNorm, second, secondNorm] of blocks) {
    const [, height, width] = h.shape;
    h = tf.image.resizeNearestNeighbor(h, [2 * height, 2 * width]);
    h = normalise(tf.conv2d(h, first, 1, "same"), firstNorm);
    h = normalise(tf.conv2d(h, second, 1, "same"), secondNorm);
  }
  const z = tf.conv2d(h, last, 1, "same").add(bias);
  return tf.softplus(z).sub(z.mul(y)).mean();
}

const optimizer = tf.train.sgd(0.1);
/** The loss is read, so that the step is over. */
const step = () => {
  const loss = optimizer.minimize(lossOf, true, variables);
  const [value] = loss.dataSync();
  loss.dispose();
  return value;
};

say({
  versions: { "tfjs-node": tf.version["tfjs-node"], tensorflow: tf.backend().binding?.TF_Version ?? "unknown" },
  parameters: variables.reduce((sum, { size }) => sum + size, 0),
});
for (let i = 0; i < Number(values["warm-up"]) + Number(values.repeats); i++) {
  const began = performance.now();
  const loss = step();
  if (i >= Number(values["warm-up"])) say({ seconds: (performance.now() - began) / 1000 });
  say({ loss });
}
const kilobytes = readFileSync("/proc/self/status", "utf8").match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
say({ peakBytes: kilobytes ? Number(kilobytes) * 1024 : process.resourceUsage().maxRSS * 1024 });
