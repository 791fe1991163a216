/** @file Every file in experiments/, run for 2 steps on tiny parts and data: cells, table, resume without running finished cells again. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { decoders, encoders } from "../../src/catalog.js";
import { parseTrainConfig } from "../../src/config.js";
import { cellsOf, readGrid, runExperiment } from "../../src/experiment.js";
import { writeTinyData } from "../run/tiny-data.js";
import { linesOf, ROOT, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";

const files = (await readdir(join(ROOT, "experiments"))).filter((name) => /\.(ts|ya?ml)$/.test(name));

/** The file's own grid with tiny values in place of its encoders, data and length. */
async function shrunk(file: string, data: string): Promise<string> {
  const { question, base, vary } = await readGrid(join(ROOT, "experiments", file));
  const tiny = (name: unknown) =>
    encoders.get(String(name)).input.size === undefined ? "resnet-test" : "sam-vit-test";
  const small = {
    ...base,
    ...(base.encoder ? { encoder: tiny(base.encoder) } : {}),
    dataset: "folder",
    data,
    steps: 2,
    batchSize: 2,
  };
  const options = { datasetOptions: { classes: "dark,bright" }, encoderWeights: "none", threads: 1, epochs: undefined };
  const narrow = base.decoder === "unet" ? { decoderOptions: { channels: [16, 8, 8, 8, 8] } } : {};
  const kept = Object.entries(vary).map(([key, values]) => [
    key,
    key === "encoder" ? values.map(tiny) : values.slice(0, 1),
  ]);
  return stringify({ question, base: { ...small, ...options, ...narrow }, vary: Object.fromEntries(kept) });
}

test("there is an experiment, and every one holds valid options", async () => {
  assert.ok(files.length > 0);
  for (const file of files) {
    const grid = await readGrid(join(ROOT, "experiments", file));
    for (const { options } of cellsOf(grid)) {
      const config = parseTrainConfig({ ...options, out: "runs/x" });
      encoders.get(config.encoder);
      decoders.get(config.decoder);
    }
  }
});

for (const file of files) {
  test(`${file}: every cell runs, the table holds them, finished cells are kept`, async () => {
    await withFolder(async (folder) => {
      const data = await writeTinyData(join(folder, "data"));
      const grid = join(folder, "grid.yaml");
      await writeFile(grid, await shrunk(file, data));
      const args = ["experiments", "run", grid, "--out", join(folder, "out"), "--json"];
      const first = await seg(args);
      assert.equal(first.code, 0, first.stderr);
      const { rows, question } = JSON.parse(first.stdout);
      for (const { summary } of rows) {
        assert.ok(summary.mIoU >= 0 && summary.parameters > 0 && summary.flops > 0 && summary.peakBytes > 0);
        assert.equal(summary.iou.length, 2);
      }
      const table = await readFile(join(folder, "out/table.md"), "utf8");
      assert.ok(table.startsWith(`# ${question}\n`));
      assert.equal(table.split("\n").filter((line) => line.startsWith("| ")).length, rows.length + 2);

      const cells = rows.map(({ cell }: { cell: string }) => join(folder, "out", cell, "summary.json"));
      const times = await Promise.all(cells.map(async (path: string) => (await stat(path)).mtimeMs));
      await rm(cells[0]);
      const second = await seg(args);
      assert.equal(second.code, 0, second.stderr);
      assert.equal(linesOf(second.stderr).filter((line) => line.endsWith("done before")).length, rows.length - 1);
      const later = await Promise.all(cells.slice(1).map(async (path: string) => (await stat(path)).mtimeMs));
      assert.deepEqual(later, times.slice(1));
    });
  });
}

test("a file that is no experiment, and a cell that fails", async () => {
  await withFolder(async (folder) => {
    await mkdir(join(folder, "data"));
    await writeFile(join(folder, "no.yaml"), "question: x\nbase: {}\n");
    await writeFile(
      join(folder, "bad.yaml"),
      stringify({ question: "x", base: { data: "data", encoder: "resnet-test" }, vary: { decoder: ["unet"] } }),
    );
    const [no, bad] = await Promise.all(
      ["no.yaml", "bad.yaml"].map((name) => seg(["experiments", "run", name, "--out", "out"], { cwd: folder })),
    );
    assert.equal(no.code, 2);
    assert.match(no.stderr, /^seg: no\.yaml: vary: /m);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /^seg: decoder=unet: seg train ended with code 2; /m);
  });
});

test("cells that were run with other options are refused before anything runs; so is a folder below a file", async () => {
  await withFolder(async (folder) => {
    const out = join(folder, "out");
    const grid = join(folder, "grid.yaml");
    const base = { data: "nowhere", encoder: "resnet-test", steps: 2, decoderOptions: { a: 1 } };
    const write = (change: object) =>
      writeFile(grid, stringify({ question: "x", base: { ...base, ...change }, vary: { decoder: ["fpn", "unet"] } }));
    await mkdir(join(out, "cells"), { recursive: true });
    await mkdir(join(out, "decoder=unet"));
    await writeFile(join(out, "decoder=unet", "summary.json"), "{}");
    await writeFile(join(out, "cells", "decoder=unet.yaml"), stringify({ ...base, decoder: "unet" }));
    const changes: [object, string][] = [
      [{ steps: 3 }, "steps 2, now 3"],
      [{ decoderOptions: { a: 2 } }, 'decoderOptions {"a":1}, now {"a":2}'],
      [{ lr: 1 }, "lr absent, now 1"],
    ];
    for (const [change, says] of changes) {
      await write(change);
      const message = `${join(out, "decoder=unet")}: was run with other options (${says}); choose another --out`;
      await assert.rejects(runExperiment(grid, { out }), { name: "SegError", message, exitCode: 2 });
    }
    await assert.rejects(runExperiment(grid, { out: join(grid, "x") }), { name: "SegError", exitCode: 2 });
  });
});
