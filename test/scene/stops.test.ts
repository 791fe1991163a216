/**
 * @file Runs that are stopped at every row and go on, in one process: layouts of windows, bands and carried strips that a kill test has no time for; and what
 * must not be taken for finished work.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { sha256File } from "../../src/files.js";
import { startThread } from "../../src/helper-thread.js";
import type { OpenModel } from "../../src/open-model.js";
import { type PredictOptions, predict as predictFiles } from "../../src/predict.js";
import { openGeoTiff } from "../../src/raster/index.js";
import { PROBABILITY_BANDS } from "../../src/scene/bands.js";
import { silent, Stopped } from "../../src/talk.js";
import { withFolder } from "../support/folder.js";
import { noise, writePhoto, writeScene } from "../support/geo-files.js";
import { withModel } from "../support/geo-model.js";

/** Without threads of its own: runs are many and small. */
const predict: typeof predictFiles = (model, inputs, options, talk) =>
  predictFiles(model, inputs, { inThreads: false, ...options }, talk);

/** A model whose scores fail in one window, given by its number in reading order, for as many tries as said. */
const failing = (model: OpenModel, window: number, times: number): OpenModel => {
  let [runs, failures] = [0, 0];
  const probabilities: OpenModel["predictor"]["probabilities"] = async (...args) => {
    if (runs === window && failures++ < times) throw new Error("no luck");
    runs++;
    return model.predictor.probabilities(...args);
  };
  return { ...model, predictor: { ...model.predictor, probabilities } };
};

/** Stops a run when it has breathed so often. */
const stopAfter = (breaths: number) => {
  let count = 0;
  return {
    ...silent,
    breathe: async () => {
      if (++count > breaths) throw new Stopped("the test");
    },
  };
};

const LAYOUTS: Readonly<Record<string, { size: [number, number]; options: Partial<PredictOptions> }>> = {
  "no overlap": { size: [150, 300], options: { tile: 64, overlap: 0, blend: "none" } },
  "one row": { size: [300, 50], options: { tile: 64 } },
  "one column": { size: [60, 400], options: { tile: 64 } },
  "a last row that three windows share": { size: [130, 290], options: { tile: 64, overlap: 32, carryInMemory: 0 } },
  "crop through a file": { size: [150, 300], options: { tile: 48, overlap: 16, blend: "crop", carryInMemory: 0 } },
  "every band": { size: [150, 300], options: { tile: 64, bands: PROBABILITY_BANDS } },
};

describe("a run that is stopped again and again ends with the bytes of one that is not", () => {
  for (const [name, { size, options }] of Object.entries(LAYOUTS)) {
    test(name, () =>
      withFolder(async (folder) =>
        withModel(async (model) => {
          const data = noise(...size, 3, 3);
          for (let y = 70; y < 140; y++) data.fill(0, y * size[0] * 3, (y * size[0] + 70) * 3);
          const scene = await writeScene(join(folder, "scene.tif"), [...size, 3], data, { nodata: 0 });
          const whole = join(folder, "whole.tif");
          await predict(model, [scene], { ...options, out: whole });
          const out = join(folder, "map.tif");
          let stops = 0;
          for (let breaths = 3; ; breaths += 4) {
            try {
              await predict(model, [scene], { ...options, out }, stopAfter(breaths));
              break;
            } catch (error) {
              if (!(error instanceof Stopped)) throw error;
              stops++;
            }
          }
          assert.ok(stops > 0);
          for (const suffix of options.bands ? [".tif", ".prob.tif"] : [".tif"]) {
            const [a, b] = [out, whole].map((path) => sha256File(path.replace(".tif", suffix)));
            assert.equal(await a, await b, `${suffix} after ${stops} stops`);
          }
          const [seam, expected] = await Promise.all(
            [out, whole].map(async (path) => JSON.parse(await readFile(`${path}.summary.json`, "utf8")).seamScore),
          );
          assert.equal(seam, expected);
        }),
      ),
    );
  }
});

describe("failed windows", () => {
  const withScene = (use: (folder: string, scene: string, model: OpenModel) => Promise<void>) =>
    withFolder(async (folder) => {
      const data = noise(230, 190, 3);
      for (let y = 0; y < 190; y++) data.fill(0, y * 230 * 3, (y * 230 + 70) * 3); // the first column of windows holds no data
      const scene = await writeScene(join(folder, "scene.tif"), [230, 190, 3], data, { nodata: 0 });
      await withModel((model) => use(folder, scene, model));
    });
  const options = { tile: 64, overlap: 32, onError: "nodata" } as const;

  for (const blend of ["cosine", "crop"] as const) {
    test(`beside skipped ones put no class where the scene holds no data (${blend})`, () =>
      withScene(async (folder, scene, model) => {
        const out = join(folder, "map.tif");
        const [{ state }] = await predict(failing(model, 0, 3), [scene], { ...options, blend, out });
        assert.equal(state, "written");
        const map = await openGeoTiff(out);
        const { data } = await map.read({ x: 0, y: 0, width: 230, height: 190 });
        assert.equal(map.metadata.get("FAILED_WINDOWS"), "1");
        await map.close();
        for (let i = 0; i < data.length; i++) if (i % 230 < 70) assert.equal(data[i], 255, `pixel ${i}`);
      }));
  }

  test("are made again when the map is asked for without the flag, and left when it is asked for with it", () =>
    withScene(async (folder, scene, model) => {
      const [out, whole] = [join(folder, "map.tif"), join(folder, "whole.tif")];
      await predict(failing(model, 4, 3), [scene], { ...options, out });
      assert.equal((await predict(model, [scene], { ...options, out }))[0].state, "complete");
      assert.equal((await predict(model, [scene], { ...options, onError: "fail", out }))[0].state, "written");
      await predict(model, [scene], { ...options, out: whole });
      assert.equal(await sha256File(out), await sha256File(whole));
    }));

  test("of finished rows fail again when a stopped run goes on: the same bytes, the same count", () =>
    withScene(async (folder, scene, model) => {
      const [out, whole] = [join(folder, "map.tif"), join(folder, "whole.tif")];
      await predict(failing(model, 5, 3), [scene], { ...options, out: whole });
      const stopped = predict(failing(model, 5, 3), [scene], { ...options, out }, stopAfter(19));
      await assert.rejects(stopped, Stopped);
      assert.equal((await predict(model, [scene], { ...options, out }))[0].state, "written");
      assert.equal(await sha256File(out), await sha256File(whole));
      const summary = JSON.parse(await readFile(`${out}.summary.json`, "utf8"));
      assert.equal(summary.windows.failed.length, 1);
    }));
});

describe("a work folder", () => {
  const withStopped = (use: (folder: string, scene: string, model: OpenModel) => Promise<void>) =>
    withFolder(async (folder) => {
      const scene = await writeScene(join(folder, "scene.tif"), [150, 300, 3]);
      await withModel(async (model) => {
        await assert.rejects(
          predict(model, [scene], { tile: 64, out: join(folder, "map.tif") }, stopAfter(12)),
          Stopped,
        );
        await use(folder, scene, model);
      });
    });

  test("whose manifest is gone is begun anew: its journal is of nobody knows what", () =>
    withStopped(async (folder, scene, model) => {
      await rm(join(folder, "map.tif.work/manifest.json"));
      const [out, whole] = ["map.tif", "whole.tif"].map((name) => join(folder, name));
      const options = { tile: 64, blend: "crop" } as const;
      assert.equal((await predict(model, [scene], { ...options, out }))[0].state, "written");
      await predict(model, [scene], { ...options, out: whole });
      assert.equal(await sha256File(out), await sha256File(whole));
    }));

  test("held by a machine that is gone is taken over with --force, and its rows are kept", () =>
    withStopped(async (folder, scene, model) => {
      const lock = { pid: 1, host: `${hostname()}-gone`, started: new Date().toISOString() };
      await writeFile(join(folder, "map.tif.work/lock.json"), JSON.stringify(lock));
      const options = { tile: 64, out: join(folder, "map.tif") };
      const [refused] = await predict(model, [scene], options);
      assert.match(String(refused.error?.message), /is in use by process 1 on .*-gone.*--force/);
      const lines: string[] = [];
      const talk = { ...silent, info: (line: string) => void lines.push(line) };
      const [taken] = await predict(model, [scene], { ...options, force: true }, talk);
      assert.equal(taken.state, "written");
      assert.match(lines.join("\n"), /going on after [1-9]/);
    }));

  test("that a kill left half removed goes away with the next run of that output", () =>
    withStopped(async (folder, scene, model) => {
      await rename(join(folder, "map.tif.work"), join(folder, ".map.tif.work.999999-1.partial"));
      assert.equal((await predict(model, [scene], { tile: 64, out: join(folder, "map.tif") }))[0].state, "written");
      assert.deepEqual(
        (await readdir(folder)).filter((name) => name.includes("work")),
        [],
      );
    }));
});

test("a map of probabilities does not outlive the classes it was made with", () =>
  withFolder(async (folder) => {
    const scene = await writeScene(join(folder, "scene.tif"), [150, 90, 3]);
    const out = join(folder, "map.tif");
    await withModel((model) => predict(model, [scene], { tile: 64, out, bands: ["confidence"] }));
    await withModel(
      async (model) => {
        const [refused] = await predict(model, [scene], { tile: 64, out });
        assert.match(String(refused.error?.message), /was made from something else.*--force/);
        assert.equal((await predict(model, [scene], { tile: 64, out, force: true }))[0].state, "written");
      },
      { seed: 8 },
    );
    assert.equal(existsSync(join(folder, "map.prob.tif")), false);
  }));

test("photos and scenes of several sizes go through a model of one input size that lets its weights go", () =>
  withFolder(async (folder) => {
    const inputs = [
      await writePhoto(join(folder, "photo.png")),
      await writeScene(join(folder, "small.tif"), [70, 50, 3]),
      await writeScene(join(folder, "large.tif"), [400, 300, 3], noise(400, 300, 3, 4)),
    ];
    await mkdir(join(folder, "maps"));
    const results = await withModel((model) => predict(model, inputs, { out: join(folder, "maps") }), {
      encoder: "sam-vit-test",
      decoder: "unet",
      once: true,
    });
    assert.deepEqual(
      results.map(({ state, error }) => error?.message ?? state),
      ["written", "written", "written"],
    );
  }));

test("whoever asks a thread that has ended hears of it", async () => {
  const thread = startThread<string, string>(import.meta.url, "ending-thread", {});
  await assert.rejects(thread.ask("end"));
  await assert.rejects(thread.ask("again"), /ended/);
  await thread.close();
});
