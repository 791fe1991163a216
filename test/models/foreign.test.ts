/**
 * @file A checkpoint of segmentation_models.pytorch 0.6.0 as torch saves it (test/fixtures/foreign.py), opened with a YAML file beside it,
 * predicts as it does in Python: scores to 1e-5 of their largest, the same class map.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { defineModel } from "../../src/model.js";
import { openModel } from "../../src/open-model.js";
import { argMaxClasses } from "../../src/postprocess.js";
import { predict } from "../../src/predict.js";
import { readIndexed, readPhoto } from "../../src/raster/index.js";
import { initialise } from "../../src/scope.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { assertClose } from "../support/close.js";
import { fillIntegers } from "../support/filler.js";
import { withFolder } from "../support/folder.js";

const FIXTURES = join(import.meta.dirname, "../fixtures");
const golden: {
  photo: string;
  shape: [number, number, number];
  values: number[];
  max: number;
  unsure: number[];
  counts: number[];
  classes: string;
} = JSON.parse(readFileSync(join(FIXTURES, "foreign.json"), "utf8"));
const PHOTO = join(FIXTURES, golden.photo);
const UNSURE = 255;
const YAML = `encoder: resnet-test
decoder: unet
classes: [water, road, other]
colors: ["#0000ff", "#ff8800", "#00ff00"]
decoderOptions:
  channels: [16, 8, 8, 8, 8]
`;

async function writeCheckpoint(folder: string, yaml: string): Promise<string> {
  const file = join(folder, "roads.pth");
  await writeFile(file, gunzipSync(readFileSync(join(FIXTURES, "foreign.pth.gz"))));
  await writeFile(join(folder, "roads.yaml"), yaml);
  return file;
}

/** SHA-256 of the class map without the pixels where two classes are all but equal. */
function assertClassMap(classes: Uint8Array): void {
  const map = Uint8Array.from(classes);
  for (const i of golden.unsure) map[i] = UNSURE;
  const counts = golden.counts.map((_, c) => map.filter((value) => value === c).length);
  assert.deepEqual(counts, golden.counts);
  assert.equal(createHash("sha256").update(map).digest("hex"), golden.classes);
}

test("scores and class map of an SMP checkpoint", () =>
  withFolder(async (folder) => {
    const model = await openModel(await writeCheckpoint(folder, YAML), { threads: 1 });
    assert.deepEqual(
      model.card.classes.map(({ name, color }) => [name, ...color]),
      [
        ["water", 0, 0, 255],
        ["road", 255, 136, 0],
        ["other", 0, 255, 0],
      ],
    );
    const scores = await model.predictor.scores(await readPhoto(PHOTO));
    assert.deepEqual([scores.classes, scores.height, scores.width], golden.shape);
    const picked = [...fillIntegers(3, 64, scores.data.length)].map((i) => scores.data[i]);
    assertClose(picked, golden.values, 1e-5 * golden.max, "scores");
    assertClassMap(argMaxClasses(scores));
    await model.close();
  }));

test("predict() writes that map", () =>
  withFolder(async (folder) => {
    const model = await openModel(await writeCheckpoint(folder, YAML), { threads: 1 });
    const out = join(folder, "map.png");
    const [{ state }] = await predict(model, [PHOTO], { out });
    assert.equal(state, "written");
    assertClassMap((await readIndexed(out)).data as Uint8Array);
    await model.close();
  }));

test("a YAML file that tells of another model is an error that names the checkpoint", () =>
  withFolder(async (folder) => {
    const wrong = await writeCheckpoint(folder, YAML.replace("[16, 8, 8, 8, 8]", "[16, 8, 8, 8, 4]"));
    await assert.rejects(openModel(wrong), /roads\.pth: tensor decoder\.blocks\.4\.conv1\.0\.weight is \[8, 8, 3, 3\]/);
    const other = await writeCheckpoint(folder, YAML.replace("resnet-test", "resnet18"));
    await assert.rejects(openModel(other), /roads\.pth: lacks encoder\.layer1\.1\.conv1\.weight/);
  }));

test("classes, bands and head that do not fit each other are errors that name the YAML file", () =>
  withFolder(async (folder) => {
    const cases: [string, RegExp][] = [
      [`${YAML}mean: [1, 2]\n`, /3 values of std|2 values of mean/],
      [`${YAML}mean: [1, 2, 3, 4]\nstd: [1, 2, 3]\n`, /4 bands, 4 values of mean and 3 of std do not fit/],
      [`${YAML}bands: [red, green]\n`, /2 bands, 3 values of mean and 3 of std do not fit/],
      [`${YAML}head: sigmoid\n`, /head sigmoid is for one class or two, not 3/],
      [
        YAML.replace("water, road, other", "road").replace(/colors.*\n/, ""),
        /head softmax is for two classes or more, not 1/,
      ],
      [YAML.replace(', "#00ff00"', ""), /names 3 class\(es\) and 2 color\(s\)/],
    ];
    for (const [yaml, says] of cases) {
      const file = await writeCheckpoint(folder, yaml);
      await assert.rejects(openModel(file), (error) => {
        assert.equal((error as { subject?: string }).subject, join(folder, "roads.yaml"));
        assert.match((error as Error).message, says);
        return true;
      });
    }
  }));

for (const [colors, expected] of [
  ['colors: ["#ff8800"]\n', [255, 136, 0]],
  ["", [230, 159, 0]],
] as const) {
  test(`one class under sigmoid ${colors ? "with" : "without"} a colour: a black background before it`, () =>
    withFolder(async (folder) => {
      const decoderOptions = { channels: [16, 8, 8, 8, 8] };
      const model = defineModel({ encoder: "resnet-test", decoder: "unet", decoderOptions, classes: 1 });
      const file = join(folder, "road.safetensors");
      await writeSafetensors(file, initialise(model.slots(), 1), {});
      const yaml = YAML.replace("water, road, other", "road").replace(/colors.*\n/, colors);
      await writeFile(join(folder, "road.yaml"), `${yaml}head: sigmoid\n`);
      const open = await openModel(file, { threads: 1 });
      assert.deepEqual(open.card.classes, [
        { name: "background", color: [0, 0, 0] },
        { name: "road", color: expected },
      ]);
      assert.equal((await open.predictor.scores(await readPhoto(PHOTO))).classes, 1);
      await open.close();
    }));
}

test("a map made with other names or colours of the YAML file is no complete one", () =>
  withFolder(async (folder) => {
    const states = async (yaml: string) => {
      const model = await openModel(await writeCheckpoint(folder, yaml), { threads: 1 });
      const [{ state }] = await predict(model, [PHOTO], { out: join(folder, "map.png") });
      await model.close();
      return state;
    };
    assert.equal(await states(YAML), "written");
    assert.equal(await states(YAML), "complete");
    assert.equal(await states(YAML.replace("#0000ff", "#0000fe")), "failed");
    assert.equal(await states(YAML.replace("water", "sea")), "failed");
  }));
