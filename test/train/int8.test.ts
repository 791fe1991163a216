/** @file int8 encoders from training to use: calibration, the embedding cache, the model's card, and refusals. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseTrainConfig, type TrainOptions } from "../../src/config.js";
import { createEngine } from "../../src/engine/index.js";
import { evaluate } from "../../src/evaluate.js";
import type { TensorData } from "../../src/graph/tensor.js";
import { calibrate, cosineOf, int8Line } from "../../src/int8.js";
import { defineModel } from "../../src/model.js";
import { openModel } from "../../src/open-model.js";
import { createPredictor, type Predictor } from "../../src/predictor.js";
import { planPreprocessing } from "../../src/preprocess.js";
import { initialise } from "../../src/scope.js";
import { silent } from "../../src/talk.js";
import { planRun, train } from "../../src/train/index.js";
import { writeTinyData } from "../run/tiny-data.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";

const OPTIONS: Omit<TrainOptions, "data" | "out"> = {
  ...{ encoder: "sam-vit-test", encoderWeights: "none", tune: "frozen", decoder: "unet", batchSize: 1, threads: 1 },
  ...{ decoderOptions: { channels: [4, 4, 4, 4, 4] }, datasetOptions: { classes: "dark,bright" }, steps: 2 },
};
const SIDE = 256;
const model = defineModel({ encoder: "sam-vit-test", decoder: "unet", classes: 2 });
const image = { data: fill(1, 3 * SIDE * SIDE), shape: [1, 3, SIDE, SIDE] };

/** Random weights. `outlier`: one hidden channel of two MLPs is as large everywhere, and nothing reads it: only int8's range suffers. */
function weights(outlier: number): Map<string, TensorData> {
  const state = initialise(model.slots(), 0);
  if (outlier === 0) return state;
  for (const block of [0, 2]) {
    const bias = state.get(`encoder.blocks.${block}.mlp.lin1.bias`) as TensorData;
    const { data, shape } = state.get(`encoder.blocks.${block}.mlp.lin2.weight`) as TensorData;
    bias.data[5] += outlier;
    for (let row = 0; row < shape[0]; row++) data[row * shape[1] + 5] = 0;
  }
  return state;
}

/** Maps of the encoder for the image, and what int8 left in float32. */
async function encode(
  constants: Map<string, TensorData>,
  precision: "fp32" | "int8",
  use: (p: Predictor) => Promise<void>,
) {
  const engine = await createEngine("onnx", { threads: 1, precision });
  const preprocessing = planPreprocessing(model.encoder.input, { bands: ["r", "g", "b"], photo: true });
  const predictor = createPredictor({ engine, model, preprocessing, constants });
  await use(predictor);
  const pixels = Uint8Array.from(image.data, (v) => 128 + 127 * v);
  const [map] = await predictor.preparedMaps({ data: pixels, width: SIDE, height: SIDE, bands: 3 });
  await predictor.dispose();
  return map.data;
}

for (const outlier of [0, 300]) {
  test(`an encoder ${outlier ? "with outliers keeps the layers that suffer in float32" : "without outliers is int8 throughout"}`, async () => {
    const constants = weights(outlier);
    const expected = await encode(constants, "fp32", async (p) => assert.equal(await p.calibrate([image]), undefined));
    let kept: string[] = [];
    const found = await encode(constants, "int8", async (p) => {
      const int8 = await p.calibrate([image]);
      assert.deepEqual(p.int8(), int8);
      assert.ok((int8?.cosine ?? 0) >= 0.9995);
      kept = int8?.kept ?? [];
    });
    assert.ok(cosineOf(expected, found) >= 0.999 && expected.some((v, i) => v !== found[i]));
    const suffering = ["encoder.blocks.0.mlp.lin2.weight", "encoder.blocks.2.mlp.lin2.weight"];
    assert.deepEqual([...kept].sort(), outlier ? suffering : []);
  });
}

test("without a calibration the first image decides, and an encoder without linear layers is refused", async () => {
  const found: (Predictor | undefined)[] = [];
  await encode(weights(0), "int8", async (p) => void found.push(p));
  assert.deepEqual(found[0]?.int8()?.kept, []);
  const engine = await createEngine("onnx", { threads: 1, precision: "int8" });
  const plan = { name: "flat", engine, constants: new Map(), trace: () => [] };
  await assert.rejects(calibrate(plan, [image]), {
    name: "SegError",
    message: /--precision int8: .*; flat has none; leave it out/,
  });
});

test("a run on int8 maps says so in its card, keeps them apart from float32 ones and is used in int8", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const cache = join(folder, "cache");
    const embeddings = async () =>
      (await readdir(cache, { recursive: true })).filter((name) => name.endsWith(".safetensors"));
    const lines: string[] = [];
    const talk = {
      ...silent,
      info: (line: string) => void lines.push(line),
      warn: (line: string) => void lines.push(line),
    };
    const out = join(folder, "int8");
    await train({ ...OPTIONS, data, cache, out, precision: "int8" }, talk);
    assert.equal((await embeddings()).length, 7);
    await train({ ...OPTIONS, data, cache, out: join(folder, "fp32") }, talk);
    assert.equal((await embeddings()).length, 14);
    const told = lines.filter((line) => line.startsWith("int8:"));
    assert.match(
      told.join("\n"),
      /^int8: cosine (0\.999[5-9]\d|1\.00000) .*every linear layer of the encoder is int8$/,
    );
    const { engine, card, ...open } = await openModel(out, { threads: 1 });
    assert.deepEqual(card.int8?.kept, []);
    assert.equal(engine.precision, "int8");
    assert.equal(told[0], int8Line(card.int8 as NonNullable<typeof card.int8>));
    await open.close();
    const summary = JSON.parse(readFileSync(join(out, "summary.json"), "utf8"));
    assert.deepEqual(summary.int8, card.int8);
  }));

test("scoring in another precision than a model was trained in is warned of by name; in its own it repeats the run's scores", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const out = join(folder, "run");
    const summary = await train({ ...OPTIONS, data, out, precision: "int8" });
    const score = async (precision?: "fp32") => {
      const warnings: string[] = [];
      const open = await openModel(out, { threads: 1, precision });
      const options = { dataset: "folder", data, datasetOptions: OPTIONS.datasetOptions };
      const result = await evaluate(open, options, { ...silent, warn: (line: string) => void warnings.push(line) });
      await open.close();
      return { result, warnings };
    };
    const own = await score();
    assert.deepEqual([own.result.confusion, own.warnings], [summary.confusion, []]);
    const other = await score("fp32");
    assert.match(
      other.warnings.join(),
      /model\.safetensors was trained with --precision int8, its encoder runs in fp32 here/,
    );
  }));

for (const { encoder, tune } of [
  { encoder: "sam-vit-test", tune: "full" },
  { encoder: "sam-vit-test", tune: "lora" },
  { encoder: "resnet-test", tune: "frozen" },
] as const) {
  test(`int8 is refused for ${encoder} with --tune ${tune}, before anything is written`, () =>
    withFolder(async (folder) => {
      const data = await writeTinyData(join(folder, "data"));
      const config = parseTrainConfig({
        ...OPTIONS,
        encoder,
        tune,
        data,
        out: join(folder, "out"),
        precision: "int8",
        decoderOptions: {},
      });
      const message = new RegExp(`^--precision int8: .*not for ${encoder} with --tune ${tune}; `);
      await assert.rejects(planRun(config), { name: "SegError", message });
    }));
}
