/** @file Every encoder with every decoder and pyramid, traced at full size: shapes, names, gradients, frozen statistics. Nothing is run but the tiny ones. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decoders, encoders } from "../../src/catalog.js";
import { createEngine } from "../../src/engine/index.js";
import * as g from "../../src/graph/index.js";
import type { Tensor } from "../../src/graph/tensor.js";
import { pyramids } from "../../src/pyramids.js";
import type { Recording } from "../../src/scope.js";
import { isFrozen } from "../../src/train/weights.js";
import { largest } from "../support/close.js";
import { feedsOf, filled, runOnce } from "../support/traced.js";
import { CLASSES, everyPair, isTiny, type Pair } from "./pairs.js";

const { pairs, refused } = everyPair();

test("every encoder fits every decoder, through every pyramid where it is a plain ViT", () => {
  assert.deepEqual(refused, []);
  const plain = [...encoders].filter(([, { maps }]) => maps.length === 1).length;
  const expected = decoders.names().length * (plain * Object.keys(pyramids).length + encoders.names().length - plain);
  assert.equal(pairs.length, expected);
});

interface TracedPair {
  readonly recording: Recording;
  readonly out: Tensor;
  readonly names: string[];
  readonly gradients: Tensor[];
}

function traceTraining({ model, side }: Pair): TracedPair {
  const recording = model.record(true);
  const out = model.trace(recording.scope, g.input("image", [2, model.bands, side, side]));
  const trained = [...recording.slots].filter(([, { trainable }]) => trainable);
  const loss = g.sum(g.mul(out, g.input("cotangent", out.shape)));
  const gradients = g.grad(
    loss,
    trained.map(([, { tensor }]) => tensor),
  );
  return { recording, out, names: trained.map(([name]) => name), gradients };
}

/** The gradient of a parameter nothing depends on is a zero of its shape. */
const isNothing = (tensor: Tensor) => tensor.op === "splat";

for (const pair of pairs) {
  const { side } = pair;
  test(`${pair.name}: [B, classes, H, W] at ${side}, every parameter in the loss, a frozen encoder left as it is`, () => {
    const { recording, out, names, gradients } = traceTraining(pair);
    assert.deepEqual([...out.shape], [2, CLASSES, side, side]);
    checkGradients(pair, recording, names, gradients);
    const prefixes = new Set([...recording.slots.keys()].map((name) => name.split(".")[0]));
    for (const prefix of prefixes) assert.match(prefix, /^(encoder|pyramid|decoder|segmentation_head)$/);
    checkFrozen(pair, recording);
  });
}

/** A pyramid of intermediate maps leaves the encoder's last map out; nothing else may be without a gradient. */
function checkGradients({ model }: Pair, { slots }: Recording, names: string[], gradients: Tensor[]): void {
  const unused = names.filter((_, i) => isNothing(gradients[i]));
  const last = model.encoder.features.at(-1)?.name as string;
  if (model.cached.some(({ name }) => name === last)) assert.deepEqual(unused, []);
  else
    assert.ok(
      unused.every((name) => name.startsWith(`encoder.${last}.`)),
      unused.join(", "),
    );
  names.forEach((name, i) => {
    assert.deepEqual(gradients[i].shape, slots.get(name)?.tensor.shape, name);
  });
}

/** Frozen: no statistics of the encoder are renewed, those of the rest are, and none of its parameters trains. */
function checkFrozen({ model, side }: Pair, whole: Recording): void {
  const frozen = model.record(true, true);
  model.trace(frozen.scope, g.input("image", [2, model.bands, side, side]));
  const statistics = [...whole.slots].filter(([, { trainable }]) => !trainable).map(([name]) => name);
  assert.deepEqual([...whole.updates.keys()].sort(), statistics.sort());
  const rest = statistics.filter((name) => !name.startsWith("encoder."));
  assert.deepEqual([...frozen.updates.keys()].sort(), rest);
  for (const name of frozen.slots.keys()) assert.equal(isFrozen(name, "frozen"), name.startsWith("encoder."), name);
}

for (const pair of pairs.filter(({ encoder }) => isTiny(encoder))) {
  test(`${pair.name}: run, every parameter gets a gradient that is not zero`, async () => {
    const side = pair.model.encoder.input.size ?? 64;
    const { recording, out, names, gradients } = traceTraining({ ...pair, side });
    const wanted = names.map((name, i) => [`d/${name}`, gradients[i]] as const).filter(([, d]) => !isNothing(d));
    const feeds = {
      ...feedsOf(recording),
      image: filled(1, [2, pair.model.bands, side, side]),
      cotangent: filled(2, out.shape),
    };
    const engine = await createEngine("onnx", { threads: 2 });
    const results = await runOnce(engine, Object.fromEntries(wanted), feeds);
    assert.equal(Object.keys(results).length, wanted.length);
    for (const [name, { data }] of Object.entries(results)) {
      const most = largest(data);
      assert.ok(Number.isFinite(most) && most > 0, `${name}: largest gradient ${most}`);
    }
  });
}
