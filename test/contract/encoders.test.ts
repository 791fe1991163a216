/** @file Every encoder keeps the contract: declared features, LoRA places, defaults, a tiny variant in its family. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as families from "../../encoders/index.js";
import { encoders } from "../../src/catalog.js";
import type { Encoder } from "../../src/contract.js";
import { resolveEncoderWeights } from "../../src/encoder-weights.js";
import * as g from "../../src/graph/index.js";
import { recordScope } from "../../src/scope.js";
import { LORA_A, LORA_B, loraHook } from "../../src/train/lora.js";
import { isTiny } from "./pairs.js";

function traceAlone({ input, forward }: Encoder, hook?: ReturnType<typeof loraHook>) {
  const side = input.size ?? 256;
  const { scope, slots } = recordScope({ training: false, hook });
  const maps = forward(scope.at("encoder"), g.input("image", [2, input.bands, side, side]));
  return { maps, slots, side };
}

for (const [name, encoder] of encoders) {
  test(`${name} returns the features it declares, at full size`, () => {
    const { maps, side } = traceAlone(encoder);
    const declared = encoder.features.map(({ channels, stride }) => [2, channels, side / stride, side / stride]);
    assert.deepEqual(
      maps.map(({ shape }) => [...shape]),
      declared,
    );
    assert.equal(new Set(encoder.features.map((feature) => feature.name)).size, encoder.features.length);
    for (const index of [...encoder.maps, ...encoder.taps]) assert.ok(encoder.features[index], `feature ${index}`);
    const { mean, std, bands } = encoder.input;
    assert.deepEqual([mean.length, std.length], [bands, bands]);
  });

  test(`${name}: every LoRA place exists and gets its matrices`, () => {
    const plain = [...traceAlone(encoder).slots.keys()];
    for (const target of encoder.loraTargets) {
      const places = plain.filter((slot) => slot.endsWith(`.${target}.weight`));
      assert.ok(places.length > 0, `no parameter ends with ${target}.weight`);
    }
    const { slots } = traceAlone(encoder, loraHook(encoder.loraTargets, 4, 8));
    const added = [...slots.keys()].filter((slot) => !plain.includes(slot));
    const places = plain.filter((slot) => encoder.loraTargets.some((target) => slot.endsWith(`.${target}.weight`)));
    const wanted = places.flatMap((slot) => [LORA_A, LORA_B].map((end) => slot.replace(/weight$/, end)));
    assert.deepEqual(added.sort(), wanted.sort());
  });

  test(`${name}: own names survive renameKey`, () => {
    for (const slot of traceAlone(encoder).slots.keys()) {
      const own = slot.slice("encoder.".length);
      assert.equal(encoder.renameKey(own), own);
    }
  });
}

for (const [family, variants] of Object.entries(families as Record<string, Record<string, Encoder>>)) {
  test(`family ${family} has a tiny variant of the same make`, () => {
    const tiny = Object.keys(variants).filter(isTiny);
    assert.equal(tiny.length, 1);
    const small = variants[tiny[0]];
    for (const [name, { features, maps, loraTargets }] of Object.entries(variants)) {
      const strides = (of: Encoder["features"], at: readonly number[]) => at.map((i) => of[i].stride);
      assert.deepEqual(strides(small.features, small.maps), strides(features, maps), name);
      assert.deepEqual(small.loraTargets, loraTargets, name);
    }
  });
}

test("a variant without published weights starts from random ones", async () => {
  const tiny = encoders.names().filter(isTiny);
  assert.ok(tiny.length > 0);
  for (const name of tiny) {
    assert.deepEqual(encoders.get(name).weights, [], name);
    assert.equal(await resolveEncoderWeights(name, undefined), undefined, name);
  }
});

test("published weights say where they are from, under which licence, and what they hash to", () => {
  for (const [name, { weights }] of encoders) {
    for (const { sha256, bytes, licence, source, repository, file } of weights) {
      assert.match(`${repository}/${file}`, /^[\w.-]+(\/[\w.-]+){2,}$/, name); // the file may lie in a folder
      assert.ok(licence !== "" && source.startsWith("https://"), name);
      assert.match(sha256 ?? "", /^[0-9a-f]{64}$/, name);
      assert.ok(bytes !== undefined && bytes > 2 ** 20, name);
    }
  }
});
