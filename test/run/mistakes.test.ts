/** @file Twenty-five usual mistakes: each ends with exit code 2 and one true line that names the thing and says what to do. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp, { type Sharp } from "sharp";
import { command as evaluate } from "../../src/cli/commands/eval.js";
import { command as exportOnnx } from "../../src/cli/commands/export.js";
import { command as predict } from "../../src/cli/commands/predict.js";
import { command as train } from "../../src/cli/commands/train.js";
import { type Command, checkArguments } from "../../src/cli/command.js";
import { errorLine, SegError } from "../../src/errors.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { fill } from "../support/filler.js";
import { noise, writeScene } from "../support/geo-files.js";
import { makeWorkFolder, type WorkFolder } from "./work-folder.js";
import { writeTinyData } from "./tiny-data.js";

type Flags = Record<string, unknown>;

interface Mistake {
  readonly name: string;
  readonly command?: Command;
  readonly usage?: string;
  /** Flags beside those that are right; undefined takes one away. */
  readonly flags: (root: string) => Flags;
  readonly says: RegExp;
}

let work: WorkFolder;
before(async () => {
  work = await makeWorkFolder(prepare);
});
after(() => work.remove());

/** photos: right; others: one thing wrong each. */
async function prepare(root: string): Promise<void> {
  await writeTinyData(join(root, "photos"));
  await mkdir(join(root, "empty"));
  await mkdir(join(root, "taken"));
  await writeFile(join(root, "taken/notes.txt"), "mine");
  await writeFile(join(root, "broken.yaml"), "encoder: [resnet-test\nlr: 1");
  await writeFile(join(root, "typo.yaml"), "encoder: resnet-test\nlearning: 1\n");
  await spoil(root, "small", (mask) => mask.resize(32, 32));
  await spoil(root, "range", (mask) => mask.linear(9, 0));
  await spoil(root, "jpeg", (mask) => mask.jpeg());
  await spoil(root, "deep", (mask) => mask.toColourspace("grey16").linear(300, 0));
  await writeScene(join(root, "four.tif"), [64, 64, 4], noise(64, 64, 4));
  await writeScene(
    join(root, "four-labels.tif"),
    [64, 64, 1],
    noise(64, 64, 1).map((value) => value & 1),
  );
  await writeSafetensors(join(root, "bare.safetensors"), [["w", { data: fill(1, 4), shape: [4] }]], {});
}

/** A copy of the data set whose first training mask is changed. */
async function spoil(root: string, name: string, change: (mask: Sharp) => Sharp): Promise<void> {
  await writeTinyData(join(root, name));
  const path = join(root, name, "masks/train/train-0.png");
  const original = await sharp(path).toBuffer();
  await writeFile(path, await change(sharp(original)).toBuffer());
}

const right = (root: string): Flags => ({
  ...{ encoder: "resnet-test", decoder: "unet", "encoder-weights": "none", classes: "dark,bright" },
  ...{ data: join(root, "photos"), out: join(root, "run"), steps: "1", "batch-size": "2", size: "64" },
});
const dry = (flags: Flags) => () => ({ "dry-run": true, ...flags });

const MISTAKES: readonly Mistake[] = [
  {
    name: "missing folder",
    flags: (root) => ({ data: join(root, "nowhere") }),
    says: /nowhere: .*(does not exist|no such|cannot be read).*; ./,
  },
  { name: "empty folder", flags: (root) => ({ data: join(root, "empty") }), says: /empty: .*; ./ },
  {
    name: "no weights",
    flags: dry({ encoder: "sam-vit-b", "encoder-weights": undefined, size: undefined }),
    says: /sam-vit-b.*seg weights pull sam-vit-b.*seg weights import/,
  },
  {
    name: "unknown encoder",
    flags: dry({ encoder: "resnet19" }),
    says: /resnet19: no such encoder; did you mean resnet\d\d/,
  },
  { name: "unknown decoder", flags: dry({ decoder: "unett" }), says: /unett: no such decoder; did you mean unet/ },
  { name: "unknown loss", flags: dry({ loss: "dise" }), says: /dise: .*; .*dice/ },
  {
    name: "unknown flag",
    flags: dry({ epocs: "3" }),
    says: /--epocs: no such option of seg train; did you mean --epochs/,
  },
  { name: "wrong number", flags: dry({ steps: "many" }), says: /--steps: "many" .*; see seg train --help/ },
  { name: "negative rate", flags: dry({ lr: "-1" }), says: /--lr: -1 .*; ./ },
  { name: "precision fp16", flags: dry({ precision: "fp16" }), says: /--precision: "fp16" .*fp32.*int8.*; ./ },
  {
    name: "precision int8 of a convolutional encoder",
    flags: dry({ precision: "int8" }),
    says: /--precision int8: .*not for resnet-test with --tune full; use --tune frozen/,
  },
  { name: "missing --data", flags: dry({ data: undefined }), says: /--data: is missing; give it/ },
  {
    name: "size no multiple",
    flags: dry({ size: "50" }),
    says: /--size 50: resnet-test needs a multiple of 32; try 64/,
  },
  {
    name: "bands out of range",
    flags: dry({ bands: "3,2,9" }),
    says: /--bands 9: the data has 3 band.*; choose among/,
  },
  {
    name: "views with a whole training",
    flags: dry({ views: "8" }),
    says: /--views: are cached views of a frozen, fixed-size encoder; ./,
  },
  { name: "taps of a resnet", flags: dry({ pyramid: "taps" }), says: /--pyramid taps: .*resnet-test.*; ./ },
  {
    name: "steps and epochs",
    flags: dry({ epochs: "2" }),
    says: /--steps: was given together with --epochs; give one/,
  },
  {
    name: "broken YAML",
    flags: (root) => ({ config: join(root, "broken.yaml") }),
    says: /broken.yaml: is no YAML .*; mend/,
  },
  {
    name: "unknown key in a YAML file",
    flags: (root) => ({ config: join(root, "typo.yaml") }),
    says: /learning: no such option in .*typo.yaml; did you mean/,
  },
  {
    name: "four bands into three",
    flags: (root) => ({
      dataset: "geotiff",
      data: join(root, "four.tif"),
      labels: join(root, "four-labels.tif"),
      "dry-run": true,
    }),
    says: /four.tif: has 4 bands .*resnet-test takes 3; choose with --bands/,
  },
  {
    name: "mask of another size",
    flags: (root) => ({ data: join(root, "small") }),
    says: /train-0.*(32 x 32).*(64 x 64).*; ./,
  },
  { name: "label out of range", flags: (root) => ({ data: join(root, "range") }), says: /train-0.png: .*9.*; ./ },
  { name: "mask as JPEG", flags: (root) => ({ data: join(root, "jpeg") }), says: /train-0.png: .*JPEG.*; .*PNG/ },
  {
    name: "16-bit mask with values that are no class",
    flags: (root) => ({ data: join(root, "deep") }),
    says: /train-0.png: .*; ./,
  },
  { name: "device cuda", flags: () => ({ device: "cuda" }), says: /cuda.*; .*cpu/ },
  {
    name: "--out holds something else",
    flags: (root) => ({ out: join(root, "taken") }),
    says: /taken: is not empty \(notes.txt\) and holds no run; choose another --out/,
  },
  {
    name: "--out below a file",
    flags: (root) => ({ out: join(root, "taken/notes.txt/run") }),
    says: /notes.txt.*; choose another place/,
  },
  {
    name: "no model there",
    command: predict,
    usage: "predict <input..>",
    flags: (root) => ({ input: ["a.png"], model: join(root, "nowhere"), out: root }),
    says: /nowhere: does not exist; give the run folder/,
  },
  {
    name: "folder without checkpoints",
    command: exportOnnx,
    usage: "export",
    flags: (root) => ({ model: join(root, "empty"), out: join(root, "a.onnx") }),
    says: /empty: is a folder without a model; give/,
  },
  {
    name: "model without a card",
    command: evaluate,
    usage: "eval",
    flags: (root) => ({ model: join(root, "bare.safetensors"), data: root, dataset: "folder" }),
    says: /bare.safetensors: has no sam-seg model card; put a YAML file/,
  },
  {
    name: "a value and options below it",
    flags: dry({ "loss.ce.smoothing": "0.1", "loss.ce": "1" }),
    says: /--loss\.ce\.smoothing: --loss\.ce is given a value of its own; give one of the two/,
  },
  { name: "half an image", flags: dry({ "val-limit": "0.5" }), says: /--val-limit: 0.5 .*; see seg train --help/ },
];

for (const { name, command = train, usage = "train [config]", flags, says } of MISTAKES) {
  test(name, async () => {
    const given = { ...(command === train ? right(work.root) : {}), ...flags(work.root) };
    const args = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    await assert.rejects(run(command, usage, args), (error) => {
      assert.ok(error instanceof SegError, (error as Error).stack);
      assert.equal(error.exitCode, 2);
      assert.ok(error.subject && error.reason && error.remedy);
      assert.match(errorLine(error), says);
      assert.ok(!error.message.includes("\n"), "one line");
      return true;
    });
  });
}

async function run(command: Command, usage: string, args: Flags): Promise<void> {
  await command.run(await checkArguments({ _: [usage.split(" ")[0]], $0: "seg", ...args }, command, usage));
}

test("25 mistakes at least", () => assert.ok(MISTAKES.length >= 25));
