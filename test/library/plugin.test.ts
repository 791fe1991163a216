/** @file Parts made outside the package through the real command line: train, eval, predict, export and a grid, all with `--plugin`. */
import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { linesOf, ROOT, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { writePhoto } from "../support/geo-files.js";

const SOURCE = join(import.meta.dirname, "part-plugin.js");

test("an encoder, a decoder, a dataset and a loss of a plugin train, score, predict and export", async () => {
  await withFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    await copyFile(SOURCE, at("my-parts.mjs")); // outside the package: "sam-seg" must still be this very installation
    const plugin = ["--plugin", at("my-parts.mjs")];
    const parts = ["--encoder", "strided", "--decoder", "plain", "--decoder.channels", "6", "--dataset", "squares"];
    const loss = ["--loss", "0.5*ce+brier", "--loss.brier.scale", "2", "--count", "3"];
    const trained = await seg(
      [
        "train",
        ...parts,
        ...loss,
        "--data",
        folder,
        "--out",
        at("run"),
        "--steps",
        "12",
        "--lr",
        "0.02",
        "--batch-size",
        "2",
        "--augment",
        "none",
        "--json",
        ...plugin,
      ],
      { cwd: folder },
    );
    assert.equal(trained.code, 0, trained.stderr);
    const summary = JSON.parse(trained.stdout);
    assert.deepEqual([summary.encoder, summary.decoder, summary.classes], ["strided", "plain", ["ground", "square"]]);
    assert.ok(summary.mIoU > 0.8, `mIoU ${summary.mIoU}: the squares are learnt`);

    const photo = await writePhoto(at("photo.png"), 40, 24);
    const common = ["--model", at("run"), "--json", ...plugin];
    const [scored, mapped, exported] = await Promise.all([
      seg(["eval", "--dataset", "squares", "--data", folder, ...common], { cwd: folder }),
      seg(["predict", photo, "--out", at("map.png"), ...common], { cwd: folder }),
      seg(["export", "--out", at("model.onnx"), ...common], { cwd: folder }),
    ]);
    assert.equal(scored.code, 0, scored.stderr);
    assert.equal(JSON.parse(scored.stdout).mIoU, summary.mIoU);
    assert.equal(mapped.code, 0, mapped.stderr);
    assert.equal(JSON.parse(mapped.stdout)[0].state, "written");
    assert.equal(exported.code, 0, exported.stderr);

    const without = await seg(["predict", photo, "--out", at("other.png"), "--model", at("run")], { cwd: folder });
    assert.equal(without.code, 2);
    assert.match(without.stderr, /^seg: strided: no such encoder; /m);
  });
});

test("a TypeScript plugin that takes everything from its argument, in a grid; one that registers nothing is refused", async () => {
  await withFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    const body = (await readFile(SOURCE, "utf8")).replace(/^import .*$/m, "");
    const declared = `import type * as Api from "sam-seg";\nexport default ({ datasets, decoders, encoders, g, losses, nn }: typeof Api) => {\n`;
    await writeFile(at("parts.ts"), `${declared}${body}\n};\n`);
    const base = { decoder: "plain", dataset: "squares", data: folder, steps: 2, batchSize: 2, augment: "none" };
    await writeFile(
      at("grid.yaml"),
      JSON.stringify({
        question: "Which loss?",
        base: { ...base, encoder: "strided" },
        vary: { loss: ["ce", "brier"] },
      }),
    );
    const run = await seg(
      ["experiments", "run", at("grid.yaml"), "--out", at("grid"), "--json", "--plugin", at("parts.ts")],
      { cwd: folder },
    );
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(
      JSON.parse(run.stdout).rows.map(({ cell }: { cell: string }) => cell),
      ["loss=ce", "loss=brier"],
    );
    await writeFile(at("nothing.js"), "export default () => {};\n");
    const nothing = await seg(["losses", "--plugin", at("nothing.js")], { cwd: ROOT });
    assert.equal(nothing.code, 2);
    assert.deepEqual(linesOf(nothing.stderr), [
      `seg: --plugin ${at("nothing.js")}: registers nothing; export default ({ encoders }) => encoders.register(name, part)`,
    ]);
  });
});
