/** @file The library as a program uses it: make, train, follow, stop, resume, score, predict, save, open, export - through the package's own entry. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  createModel,
  EXIT,
  embed,
  encoders,
  evaluate,
  exportModel,
  IGNORE,
  inspectDataset,
  loadModel,
  loadWeights,
  openDataset,
  predict,
  type SegmentationModel,
  SegError,
  Stopped,
  type TalkEvent,
  train,
} from "../../src/index.js";
import { writeTinyData } from "../run/tiny-data.js";
import { largestDifference } from "../support/close.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";

const NEW = {
  encoder: "resnet-test",
  decoder: "unet",
  decoderOptions: { channels: [16, 8, 8, 8, 8] },
  classes: "dark,bright",
} as const;
const image = (width = 70, height = 45) => ({
  data: Uint8Array.from(fill(4, width * height * 3, 250), (v) => v + 126),
  width,
  height,
  bands: 3,
});
let model: SegmentationModel;

before(async () => {
  model = await createModel({ ...NEW, seed: 3, threads: 1 });
});

test("createModel: the same seed makes the same model, another one another", async () => {
  const again = await createModel({ ...NEW, seed: 3, threads: 1 });
  const other = await createModel({ ...NEW, seed: 4, threads: 1 });
  assert.equal(await again.digest(), await model.digest());
  assert.notEqual(await other.digest(), await model.digest());
  assert.deepEqual(
    model.card.classes.map(({ name }) => name),
    ["dark", "bright"],
  );
});

test("predict: mask and probabilities on the image's own grid; pixels without data are ignored", async () => {
  const { mask, probabilities, classes } = await model.predict(image());
  assert.deepEqual([mask.width, mask.height, mask.data.length], [70, 45, 70 * 45]);
  assert.deepEqual([probabilities.classes, probabilities.data.length], [2, 2 * 70 * 45]);
  assert.equal(classes.length, 2);
  for (let i = 0; i < mask.data.length; i++) {
    const [first, second] = [probabilities.data[i], probabilities.data[70 * 45 + i]];
    assert.ok(Math.abs(first + second - 1) < 1e-6);
    assert.equal(mask.data[i], second > first ? 1 : 0);
  }
  const valid = new Uint8Array(70 * 45).fill(1);
  valid[5] = 0;
  assert.equal((await model.predict({ ...image(), valid })).mask.data[5], IGNORE);
  await assert.rejects(model.predict("scene.tif"), /scene\.tif: is a scene, not a photo; /);
});

test("save and loadModel: the same weights, classes and predictions", async () => {
  await withFolder(async (folder) => {
    const file = await model.save(join(folder, "kept"));
    assert.equal(file, join(folder, "kept", "model.safetensors"));
    for (const path of [file, join(folder, "kept")]) {
      const again = await loadModel(path, { threads: 1 });
      assert.deepEqual(again.card, JSON.parse(JSON.stringify(model.card)));
      assert.deepEqual((await again.predict(image())).mask.data, (await model.predict(image())).mask.data);
      await again.close();
    }
  });
});

test("a lora model and a sigmoid head; what does not fit is refused by name", async () => {
  const lora = await createModel({
    encoder: "sam-vit-test",
    decoder: "fpn",
    classes: 2,
    tune: "lora",
    head: "sigmoid",
    loraRank: 2,
    threads: 1,
  });
  assert.ok([...lora.state.keys()].some((name) => name.endsWith("lora_A")));
  assert.equal((await lora.predict(image(64, 64))).probabilities.classes, 2);
  await assert.rejects(
    createModel({ ...NEW, encoder: "resnet81" }),
    /resnet81: no such encoder; did you mean resnet18/,
  );
  await assert.rejects(createModel({ ...NEW, classes: 3, head: "sigmoid" }), /is for two classes, not 3/);
  await assert.rejects(createModel({ ...NEW, decoderOptions: { chanels: [1] } }), /did you mean channels/);
  const missing = createModel({ ...NEW, encoder: "resnet18", encoderWeights: "nowhere.pth" });
  await assert.rejects(
    missing,
    (error) => error instanceof SegError && error.exitCode === EXIT.usage && error.subject === "nowhere.pth",
  );
});

test("train from a model, followed by events, stopped, resumed to the same end; then scored, mapped and exported", async () => {
  await withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const run = {
      data,
      datasetOptions: { classes: "dark,bright" },
      steps: 6,
      batchSize: 2,
      saveEvery: 2,
      threads: 1,
      lr: 0.01,
    };
    const events: TalkEvent[] = [];
    const before = await model.digest();
    const summary = await train(model, { ...run, out: join(folder, "whole"), onEvent: (event) => events.push(event) });
    const rows = (await readFile(join(folder, "whole", "metrics.jsonl"), "utf8")).trim().split("\n");
    const heard = events.filter(({ event }) => event === "step" || event === "validation");
    assert.deepEqual(
      heard,
      rows.map((row) => JSON.parse(row)),
    );
    assert.equal(heard.filter(({ event }) => event === "step").length, 6);
    assert.ok(
      events.some((event) => event.event === "progress" && event.stage === "training" && event.done === event.total),
    );
    assert.equal(await model.digest(), before, "the model it started from is left as it was");

    const stop = new AbortController();
    const halves = { ...run, out: join(folder, "halves") };
    const stopAt3 = (event: TalkEvent) => event.event === "step" && event.step === 3 && stop.abort("enough");
    await assert.rejects(
      train(model, { ...halves, signal: stop.signal, onEvent: stopAt3 }),
      (error) => error instanceof Stopped && error.signal === "enough",
    );
    await train(model, { ...halves, resume: true });
    const [whole, half] = await Promise.all(
      ["whole", "halves"].map((name) => loadModel(join(folder, name), { threads: 1 })),
    );
    assert.equal(largestDifference(flat(whole), flat(half)).distance, 0);
    assert.ok(largestDifference(flat(whole), flat(model)).distance > 0, "training changed the weights");

    const scores = await evaluate(whole, { dataset: "folder", data, datasetOptions: { classes: "dark,bright" } });
    assert.equal(scores.mIoU, summary.mIoU);
    const photo = join(data, "images/val/val-0.png");
    const [mapped] = await predict(whole, [photo], { out: join(folder, "map.png") });
    assert.equal(mapped.state, "written");
    assert.deepEqual(
      (await exportModel(whole, join(folder, "m.onnx"), { height: 64, width: 96 })).input,
      [1, 3, 64, 96],
    );
    const inspected = await inspectDataset(await openDataset({ dataset: "folder", data, datasetOptions: {} }));
    assert.deepEqual(
      inspected.splits.map(({ name, count }) => `${name} ${count}`),
      ["train 5", "val 2"],
    );
  });
});

const flat = ({ state }: SegmentationModel) =>
  Float32Array.from([...state].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { data }]) => [...data]));

test("embed and loadWeights", async () => {
  await withFolder(async (folder) => {
    const data = await writeTinyData(folder);
    const photos = [0, 1].map((i) => join(data, `images/train/train-${i}.png`));
    const maps = await embed(photos, { encoder: "resnet-test", feature: 4, threads: 1 });
    const { channels, stride } = encoders.get("resnet-test").features[4];
    assert.deepEqual(
      maps.map(({ shape }) => [...shape]),
      photos.map(() => [1, channels, 64 / stride, 64 / stride]),
    );
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(embed(photos, { encoder: "resnet-test", threads: 1, signal: stop.signal }), Stopped);
    await assert.rejects(loadWeights("resnet-test"), /stands for no weights/);
    const file = await model.save(join(folder, "all.safetensors"));
    const state = await loadWeights("resnet-test", file, { allowPartial: true });
    assert.deepEqual(state.get("conv1.weight")?.data, model.state.get("encoder.conv1.weight")?.data);
  });
});
