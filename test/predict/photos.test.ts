/** @file Many photos through a thread beside the model: files, order and what is told of them are those of a call without one. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { EXIT, SegError } from "../../src/errors.js";
import { openModel } from "../../src/open-model.js";
import { type Prediction, photoQueue } from "../../src/photo-queue.js";
import type { PhotoPlan } from "../../src/photo-work.js";
import { argMaxClasses, placeBack, placeBackClasses } from "../../src/postprocess.js";
import { predict } from "../../src/predict.js";
import { silent } from "../../src/talk.js";
import { startSeg } from "../run/kill.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import { writePhoto, writeScene } from "../support/geo-files.js";
import { saveTinyModel } from "../support/geo-model.js";

/** Seven photos, the third of them none, and an open model. */
const withPhotos = (use: (folder: string, model: Awaited<ReturnType<typeof openModel>>) => Promise<void>) =>
  withFolder(async (folder) => {
    await mkdir(join(folder, "in"));
    for (let i = 0; i < 7; i++) await writePhoto(join(folder, `in/p${i}.png`), 70 + 9 * (i % 3), 50, i);
    await writeFile(join(folder, "in/p2.png"), "no photo");
    const model = await openModel(await saveTinyModel(join(folder, "model.safetensors")), { threads: 1 });
    try {
      await use(folder, model);
    } finally {
      await model.close();
    }
  });

const PLAN = { colors: [[1, 2, 3]], parameters: { of: "test" }, force: false } as const;

test("a thread writes the same files, tells of the same faults and keeps their order", () =>
  withPhotos(async (folder, model) => {
    const plan: PhotoPlan = { ...PLAN, preprocessing: model.card.preprocessing };
    const through = async (out: string, threadFrom: number) => {
      await mkdir(join(folder, out), { recursive: true });
      const lines: string[] = [];
      const talk = { ...silent, info: (line: string) => lines.push(line) };
      const jobs = Array.from({ length: 7 }, (_, i) => {
        return { input: join(folder, `in/p${i}.png`), output: join(folder, out, `p${i}.png`) };
      });
      const queue = photoQueue(plan, jobs, model.predictor, talk, threadFrom);
      const results: Prediction[] = [];
      for (const _ of jobs) results.push(...(await queue.next()));
      results.push(...(await queue.finish()));
      await queue.close();
      return { lines, states: results.map(({ input, state }) => `${input.slice(-6)} ${state}`) };
    };
    const [here, there] = [await through("here", Number.POSITIVE_INFINITY), await through("there", 1)];
    assert.deepEqual(there, here);
    const wanted = [0, 1, 2, 3, 4, 5, 6].map((i) => `p${i}.png ${i === 2 ? "failed" : "written"}`);
    assert.deepEqual(there.states, wanted);
    assert.match(there.lines.join("\n"), /^seg: [^\n]*p2\.png: not a readable image [^\n]*; replace the file$/);
    const names = await readdir(join(folder, "here"));
    assert.equal(names.length, 12);
    assert.deepEqual(await readdir(join(folder, "there")), names);
    for (const name of names) {
      const files = await Promise.all(["here", "there"].map((out) => readFile(join(folder, out, name))));
      assert.ok(files[0].equals(files[1]), name);
    }
    assert.deepEqual(
      (await through("there", 1)).states,
      wanted.map((state) => state.replace("written", "complete")),
    );
  }));

test("photos around a scene keep their order, and the end says what share of the time the model had", () =>
  withPhotos(async (folder, model) => {
    await writeScene(join(folder, "in/p3-scene.tif"), [90, 60, 3]);
    const lines: string[] = [];
    const talk = { ...silent, info: (line: string) => lines.push(line) };
    const results = await predict(model, [join(folder, "in")], { out: join(folder, "maps") }, talk);
    assert.deepEqual(
      results.map(({ input }) => input),
      ["p0.png", "p1.png", "p2.png", "p3-scene.tif", "p3.png", "p4.png", "p5.png", "p6.png"].map((name) =>
        join(folder, "in", name),
      ),
    );
    assert.match(lines.at(-1) ?? "", /^7 maps in \d+\.\d\d s, \d+\.\d\d s \(\d+\.\d %\) of them inside the model$/);
    const [, all, inside] = /in ([\d.]+) s, ([\d.]+) s/.exec(lines.at(-1) ?? "") ?? [];
    assert.ok(Number(inside) <= Number(all), lines.at(-1));
  }));

test("a full disk, met while the next photo is at work, stops everything", () =>
  withPhotos(async (folder, model) => {
    const full = new SegError("disk", "is full", "free some space", EXIT.guard);
    const logits = model.predictor.logits;
    const jobs = [3, 4, 5].map((i) => ({ input: join(folder, `in/p${i}.png`), output: join(folder, `p${i}.png`) }));
    const plan: PhotoPlan = { ...PLAN, preprocessing: model.card.preprocessing };
    let asked = 0;
    const failing = {
      ...model.predictor,
      logits: (input: Parameters<typeof logits>[0]) => (asked++ === 1 ? Promise.reject(full) : logits(input)),
    };
    const queue = photoQueue(plan, jobs, failing, silent, 1);
    assert.deepEqual(await queue.next(), []);
    assert.equal((await queue.next())[0].state, "written");
    await assert.rejects(queue.next(), full);
    await queue.close();
    assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("p")).sort(), [
      "p3-overlay.png",
      "p3.png",
    ]);
  }));

test("SIGTERM between photos: 143, every output there is whole, the same command does the rest", () =>
  withPhotos(async (folder) => {
    for (let i = 10; i < 60; i++) await writePhoto(join(folder, `in/p${i}.png`), 170, 150, i);
    const place = (name: string) => join(folder, name);
    const args = [
      "predict",
      place("in"),
      "--model",
      place("model.safetensors"),
      "--out",
      place("maps"),
      "--threads",
      "1",
    ];
    const { child, ended } = startSeg(args);
    const written = async () => (await readdir(place("maps")).catch(() => [])).filter((name) => !name.startsWith("."));
    while (child.exitCode === null && (await written()).length < 6) await setTimeout(3);
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    assert.equal(code, 143, stderr);
    const names = await readdir(place("maps"));
    assert.ok(names.length >= 6 && names.length < 112, `${names.length} files`);
    for (const name of names) assert.match(name, /^p\d+(-overlay)?\.png$/); // nothing half
    assert.equal(names.length % 2, 0, "a map and its overlay each");
    assert.equal((await startSeg(args).ended).code, EXIT.partial); // p2 is no photo
    assert.equal((await readdir(place("maps"))).length, 112);
  }));

test("classes row by row are those of the scores of the whole image, and these a bilinear resize", () => {
  const [paddedWidth, paddedHeight] = [32, 24];
  const placed = { width: 30, height: 21, paddedWidth, paddedHeight };
  for (const classes of [1, 5]) {
    const logits = fill(classes, classes * paddedWidth * paddedHeight);
    const broken = Float32Array.from(logits, (value, i) => (i % 97 === 40 ? Number.NaN : value));
    for (const [width, height] of [
      [30, 21],
      [30, 42],
      [13, 9],
      [77, 50],
    ]) {
      const { data } = placeBack(logits, classes, placed, width, height);
      const wanted = reference(logits, classes, placed, width, height);
      assert.deepEqual(data, wanted, `${classes} classes at ${width} x ${height}`);
      for (const some of [logits, broken]) {
        const scores = placeBack(some, classes, placed, width, height);
        assert.deepEqual(placeBackClasses(some, classes, placed, width, height), argMaxClasses(scores));
      }
    }
  }
});

/** Half-pixel centres, clamped at the borders, one pixel after the other. */
function reference(
  logits: Float32Array,
  classes: number,
  placed: { width: number; height: number; paddedWidth: number; paddedHeight: number },
  width: number,
  height: number,
): Float32Array {
  const tap = (i: number, from: number, to: number) => {
    const centre = Math.max(((i + 0.5) * from) / to - 0.5, 0);
    const low = Math.min(Math.floor(centre), from - 1);
    return { low, high: Math.min(low + 1, from - 1), weight: Math.fround(centre - low) };
  };
  const out = new Float32Array(classes * width * height);
  for (let at = 0; at < out.length; at++) {
    const [c, y, x] = [Math.floor(at / (width * height)), Math.floor(at / width) % height, at % width];
    const [v, h] = [tap(y, placed.height, height), tap(x, placed.width, width)];
    const value = (row: number, column: number) =>
      logits[(c * placed.paddedHeight + row) * placed.paddedWidth + column];
    const along = (row: number) => value(row, h.low) + (value(row, h.high) - value(row, h.low)) * h.weight;
    out[at] = along(v.low) + (along(v.high) - along(v.low)) * v.weight;
  }
  return out;
}
