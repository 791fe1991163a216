/** @file `seg predict` as a user meets it: files written, what is complete, what is refused, exit codes 0, 2 and 3. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { openModel } from "../../src/open-model.js";
import { predict } from "../../src/predict.js";
import { openGeoTiff, readIndexed, readPhoto } from "../../src/raster/index.js";
import { startSeg } from "../run/kill.js";
import { seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { noise, writePhoto, writeScene } from "../support/geo-files.js";
import { CLASSES, saveTinyModel } from "../support/geo-model.js";

/** The lines that are errors of ours. */
const errorLines = (text: string) => text.split("\n").filter((line) => line.startsWith("seg: "));

/** A folder with a model, two photos and a scene. */
const withInputs = (use: (folder: string) => Promise<void>) =>
  withFolder(async (folder) => {
    await saveTinyModel(join(folder, "model.safetensors"));
    await mkdir(join(folder, "in"));
    await writePhoto(join(folder, "in/a.png"));
    await writePhoto(join(folder, "in/b.png"), 33, 65, 3);
    await writeScene(join(folder, "in/scene.tif"), [150, 90, 3]);
    await use(folder);
  });

const MODEL = ["--model", "model.safetensors", "--threads", "1"];

test("photos and a scene: written, complete the second time, refused with other parameters, replaced by force", () =>
  withInputs(async (folder) => {
    const args = ["predict", "in", ...MODEL, "--out", "maps"];
    const first = await seg(args, { cwd: folder });
    assert.deepEqual([first.code, first.stderr.includes("seg: ")], [0, false], first.stderr);
    assert.deepEqual(first.stdout.trim().split("\n"), ["maps/a.png", "maps/b.png", "maps/scene.tif"]);
    const names = [
      "a-overlay.png",
      "a.png",
      "b-overlay.png",
      "b.png",
      "scene.qml",
      "scene.stac.json",
      "scene.tif",
      "scene.tif.aux.xml",
      "scene.tif.summary.json",
    ];
    assert.deepEqual((await readdir(join(folder, "maps"))).sort(), names);
    const bytes = await readFile(join(folder, "maps/scene.tif"));

    const second = await seg(args, { cwd: folder });
    assert.equal(second.code, 0);
    assert.equal(second.stdout.match(/: already complete$/gm)?.length, 3);

    const third = await seg([...args, "--tile", "64"], { cwd: folder });
    assert.equal(third.code, 3, "the scene is refused, the photos, which have no tiles, are complete");
    assert.match(errorLines(third.stderr).join("\n"), /^seg: maps\/scene\.tif: exists and was made from .*--force$/);
    assert.deepEqual(await readFile(join(folder, "maps/scene.tif")), bytes);

    const forced = await seg([...args, "--tile", "64", "--blend", "crop", "--force", "--json"], { cwd: folder });
    assert.equal(forced.code, 0, forced.stderr);
    const states = JSON.parse(forced.stdout).map(({ state }: { state: string }) => state);
    assert.deepEqual(states, ["complete", "complete", "written"]);
    assert.notDeepEqual(await readFile(join(folder, "maps/scene.tif")), bytes);
  }));

test("some inputs bad: the rest is done, exit 3; all bad: exit 2; one line each", () =>
  withInputs(async (folder) => {
    await writeFile(join(folder, "broken.tif"), "II*\0garbage");
    await writeFile(join(folder, "broken.jpg"), "no photo");
    const bad = ["broken.tif", "broken.jpg", "absent.png"];
    const some = await seg(["predict", ...bad, "in/a.png", ...MODEL, "--out", "maps"], { cwd: folder });
    assert.equal(some.code, 3, some.stderr);
    assert.equal(some.stdout, "maps/a.png\n");
    const lines = errorLines(some.stderr);
    assert.deepEqual(
      lines.map((line) => line.split(": ")[1]),
      bad,
    );
    for (const line of lines) assert.match(line, /^seg: [^:]+: .+; .+$/);
    const all = await seg(["predict", ...bad, ...MODEL, "--out", "other"], { cwd: folder });
    assert.equal(all.code, 2);
    assert.equal(errorLines(all.stderr).length, 3);
    assert.deepEqual(existsSync(join(folder, "other")) ? await readdir(join(folder, "other")) : [], []);
  }));

for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  test(`${signal} ends at the next window with ${code}: no output, but the rows that are done`, () =>
    withInputs(async (folder) => {
      await writeScene(join(folder, "large.tif"), [600, 600, 3]);
      const place = (name: string) => join(folder, name);
      const args = [
        "predict",
        place("large.tif"),
        "--model",
        place("model.safetensors"),
        "--tile",
        "32",
        "--overlap",
        "16",
      ];
      const { child, ended } = startSeg([...args, "--out", place("maps/large.tif"), "--threads", "1"]);
      const isUnderWay = () => existsSync(place("maps/large.tif.work/journal.jsonl"));
      while (child.exitCode === null && !isUnderWay()) await setTimeout(5);
      child.kill(signal);
      const { code: got, stderr } = await ended;
      assert.equal(got, code, stderr);
      assert.match(stderr, new RegExp(`^seg: stopped by ${signal}; run the same command again$`, "m"));
      assert.match(
        stderr,
        /^large\.tif: \d+ of \d+ rows of windows are kept in .*; the same command goes on from there$/m,
      );
      assert.deepEqual(await readdir(place("maps")), ["large.tif.work"]);
    }));
}

describe("in a process that has the model open", () => {
  const withModel = (
    use: (folder: string, model: Awaited<ReturnType<typeof openModel>>) => Promise<void>,
    bands?: number[],
  ) =>
    withInputs(async (folder) => {
      const model = await openModel(join(folder, "model.safetensors"), { threads: 1, ...(bands && { bands }) });
      await use(folder, model);
      await model.close();
    });

  test("a class PNG holds indices and the palette; its overlay is half photo, half class colour", () =>
    withModel(async (folder, model) => {
      const [{ output }] = await predict(model, [join(folder, "in/a.png")], { out: join(folder, "one.png") });
      const map = await readIndexed(output);
      assert.deepEqual([map.width, map.height, map.bands], [70, 50, 1]);
      assert.deepEqual(
        [...(map.palette ?? [])].slice(0, 12),
        CLASSES.flatMap(({ color }) => [...color]),
      );
      const [photo, over] = [
        await readPhoto(join(folder, "in/a.png")),
        await readPhoto(join(folder, "one-overlay.png")),
      ];
      const color = CLASSES[map.data[0]].color;
      for (let c = 0; c < 3; c++) assert.equal(over.data[c], Math.round((photo.data[c] + color[c]) / 2));
    }));

  test("somebody else's overlay is refused, replaced by force; ours without its class PNG is of a call that was stopped", () =>
    withModel(async (folder, model) => {
      const [input, out] = [join(folder, "in/a.png"), join(folder, "maps")];
      const overlay = join(out, "a-overlay.png");
      await mkdir(out);
      await writeFile(overlay, "mine");
      const [refused] = await predict(model, [input], { out });
      assert.match(
        String(refused.error?.message),
        /a-overlay\.png: exists and was made from something else; .*--force/,
      );
      assert.deepEqual([await readFile(overlay, "utf8"), await readdir(out)], ["mine", ["a-overlay.png"]]);
      assert.equal((await predict(model, [input], { out, force: true }))[0].state, "written");
      await rm(join(out, "a.png"));
      assert.equal((await predict(model, [input], { out }))[0].state, "written");
    }));

  test("what dead processes left of an output is swept; files of live ones and of other outputs stay", () =>
    withModel(async (folder, model) => {
      const out = join(folder, "maps");
      await mkdir(out);
      const dead = 2 ** 22 + 1;
      const kept = [`.a.png.${process.ppid}-1.partial`, `.other.png.${dead}-1.partial`];
      const swept = [`.a.png.${dead}-1.partial`, `.a-overlay.png.${dead}-2.partial`, `.a.png.${process.pid}-0.partial`];
      for (const name of [...kept, ...swept]) await writeFile(join(out, name), "");
      await predict(model, [join(folder, "in/a.png")], { out });
      assert.deepEqual((await readdir(out)).sort(), [...kept, "a-overlay.png", "a.png"].sort());
    }));

  test("the scene itself is never replaced, not even by force", () =>
    withModel(async (folder, model) => {
      const input = join(folder, "in/scene.tif");
      const before = await readFile(input);
      const [result] = await predict(model, [input], { out: join(folder, "in"), force: true });
      assert.equal(result.state, "failed");
      assert.match(result.error?.message ?? "", /scene\.tif: is the input itself/);
      assert.deepEqual(await readFile(input), before);
    }));

  test("faults of the options are told at once: two outputs of one name, too much overlap, a PNG for a scene", () =>
    withModel(async (folder, model) => {
      const scene = join(folder, "in/scene.tif");
      const cases: [string[], object, RegExp][] = [
        [[join(folder, "in/a.png"), join(folder, "x/a.jpg")], { out: folder }, /two inputs would be written to it/],
        [[scene], { out: folder, tile: 64, overlap: 33 }, /--overlap 33: is more than half of the tile/],
        [[scene], { out: "map.png" }, /--out map\.png: a \.tif is written/],
        [[scene], { out: folder, tile: 16 }, /--tile 16: is no multiple of 32, which resnet-test needs; try 32/],
      ];
      for (const [inputs, options, message] of cases)
        await assert.rejects(predict(model, inputs, options as { out: string }), message);
    }));

  test("pixels of another kind than the model's are refused: bands that are not there, 16-bit values", () =>
    withModel(async (folder, model) => {
      const one = await writeScene(join(folder, "one.tif"), [40, 40, 1]);
      const deep = await writeScene(join(folder, "deep.tif"), [40, 40, 3], new Uint16Array(4800).fill(900), {
        dtype: "uint16",
      });
      const results = await predict(model, [one, deep], { out: join(folder, "maps") });
      assert.match(String(results[0].error?.message), /one\.tif: has 1 band\(s\), the model reads band 3/);
      assert.match(
        String(results[1].error?.message),
        /deep\.tif: holds uint16 samples, the model was trained on 8-bit/,
      );
    }));

  const mapOf = async (folder: string, bands?: number[]): Promise<Uint8Array> => {
    const model = await openModel(join(folder, "model.safetensors"), { threads: 1, ...(bands && { bands }) });
    const out = join(folder, `${bands ?? "own"}.tif`);
    const [{ error }] = await predict(model, [join(folder, "four.tif")], { out, tile: 64 });
    await model.close();
    assert.equal(error, undefined, error?.message);
    const map = await openGeoTiff(out);
    const { data } = await map.read({ x: 0, y: 0, width: map.width, height: map.height });
    await map.close();
    return data as Uint8Array;
  };

  test("--bands reads other bands, in their order: as if the scene had only those", () =>
    withInputs(async (folder) => {
      const four = noise(80, 70, 4, 6);
      const swapped = four.slice();
      for (let i = 0; i < four.length; i += 4) swapped.set([four[i + 3], four[i], four[i + 2]], i);
      await writeScene(join(folder, "four.tif"), [80, 70, 4], four);
      const chosen = await mapOf(folder, [4, 1, 3]);
      const plain = await mapOf(folder);
      await writeScene(join(folder, "four.tif"), [80, 70, 4], swapped);
      const model = await openModel(join(folder, "model.safetensors"), { threads: 1 });
      const [{ output }] = await predict(model, [join(folder, "four.tif")], {
        out: join(folder, "swapped.tif"),
        tile: 64,
      });
      await model.close();
      const map = await openGeoTiff(output);
      assert.deepEqual((await map.read({ x: 0, y: 0, width: 80, height: 70 })).data, chosen);
      await map.close();
      assert.notDeepEqual(plain, chosen);
      await assert.rejects(openModel(join(folder, "model.safetensors"), { bands: [1, 2] }), /reads 3 band\(s\)/);
    }));
});
